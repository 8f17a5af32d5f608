import { type EncodedError, encodeError, invariant } from '@waybill/core';
import type { Output } from './output.ts';

/** An error as `--json` shows it: no stack, the cause as a message. */
interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause?: string;
}

/**
 * Writes exactly one JSON object on one line, member by member, so that what is long never lies in memory.
 *
 * | state | means | may follow |
 * |---|---|---|
 * | empty | nothing written | open, ended |
 * | open | the object has begun | open, inside, ended |
 * | inside | a streamed array or string has begun | open, ended (by `fail`) |
 * | ended | the object is closed | |
 *
 * Whatever fails half-way, `fail` closes what is open and adds the member `error`: the output stays one JSON object.
 */
export class JsonReport {
  readonly #output: Output;
  #state: 'empty' | 'open' | 'inside' | 'ended' = 'empty';
  #closing = '';

  constructor(output: Output) {
    this.#output = output;
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** Writes members; those that are `undefined` are left out. */
  async members(members: Readonly<Record<string, unknown>>): Promise<void> {
    for (const [name, value] of Object.entries(members)) {
      if (value !== undefined) await this.#output.write(this.#begin(name) + JSON.stringify(value));
    }
  }

  /** Writes one member that is an array, in blocks as they come. */
  async array(name: string, blocks: AsyncIterable<readonly unknown[]>): Promise<void> {
    await this.#output.write(`${this.#begin(name)}[`);
    this.#enter(']');
    let separator = '';
    for await (const block of blocks) {
      if (block.length === 0) continue;
      await this.#output.write(separator + block.map((item) => JSON.stringify(item)).join(','));
      separator = ',';
    }
    await this.#leave();
  }

  /** Writes one member that is a string: the base64 of the bytes. */
  async base64(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#output.write(`${this.#begin(name)}"`);
    this.#enter('"');
    // Groups of three bytes give four characters without padding in between.
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of chunks) {
      const bytes = Buffer.concat([rest, chunk]);
      const whole = bytes.length - (bytes.length % 3);
      await this.#output.write(bytes.toString('base64', 0, whole));
      rest = bytes.subarray(whole);
    }
    await this.#output.write(rest.toString('base64'));
    await this.#leave();
  }

  async end(): Promise<void> {
    const closing = this.#state === 'empty' ? '{}\n' : '}\n';
    this.#state = 'ended';
    await this.#output.write(closing);
  }

  /** Ends the object with what went wrong. */
  async fail(error: unknown): Promise<void> {
    if (this.#state === 'ended') return;
    if (this.#state === 'inside') await this.#leave();
    await this.members({ error: reportError(error) });
    await this.end();
  }

  #begin(name: string): string {
    invariant(this.#state === 'empty' || this.#state === 'open', 'json-report-1', `member in ${this.#state}`);
    const opening = this.#state === 'empty' ? '{' : ',';
    this.#state = 'open';
    return `${opening}${JSON.stringify(name)}:`;
  }

  #enter(closing: string): void {
    this.#state = 'inside';
    this.#closing = closing;
  }

  async #leave(): Promise<void> {
    this.#state = 'open';
    await this.#output.write(this.#closing);
  }
}

function reportError(error: unknown): ReportedError {
  const encoded = encodeError(error);
  const cause = causeText(encoded);
  return {
    code: encoded.code,
    message: encoded.message,
    details: encoded.details,
    ...(cause === undefined ? {} : { cause }),
  };
}

/** The messages underneath an error, outermost first, those already in its own message left out. */
export function causeText(error: EncodedError): string | undefined {
  const messages: string[] = [];
  for (let cause = error.cause; cause !== undefined; cause = cause.cause) {
    const { message } = cause;
    if (![error.message, ...messages].some((text) => text.includes(message))) messages.push(message);
  }
  return messages.length === 0 ? undefined : messages.join(': ');
}
