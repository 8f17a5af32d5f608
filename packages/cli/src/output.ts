import { ArtifactError } from '@waybill/core';

/** Where a command writes: standard output, standard error, a test's memory. */
export interface Output {
  readonly isTerminal: boolean;
  /** Resolves when the text or the bytes are taken: that is how a slow reader slows the writer down. */
  write(data: string | Uint8Array): Promise<void>;
}

/** Text on a terminal that is redrawn in place. */
export interface LiveText {
  update(text: string): void;
  clear(): void;
}

/** What {@link Output.write} throws once the reader has gone away (`waybill ls | head`). Not a failure of the command. */
export function isReaderGone(error: unknown): boolean {
  return error instanceof ArtifactError && error.details['readerGone'] === true;
}

/**
 * Wraps one of the process's streams. Errors: `CANCELLED` when nobody reads any more, `NO_SPACE`, `IO` for anything else.
 * What is said to an `optional` stream that nobody reads is dropped: the exit status still tells how the command ended.
 */
export class StreamOutput implements Output {
  readonly #stream: NodeJS.WriteStream;
  readonly #name: string;
  readonly #optional: boolean;
  #failure: ArtifactError | undefined;

  constructor(stream: NodeJS.WriteStream, { name, optional }: { name: string; optional: boolean }) {
    this.#stream = stream;
    this.#name = name;
    this.#optional = optional;
    // Every failed write also answers its own callback; without a listener the stream would end the process.
    stream.on('error', (cause) => {
      this.#failure ??= this.#describe(cause);
    });
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  async write(data: string | Uint8Array): Promise<void> {
    try {
      await this.#writeOut(data);
    } catch (error) {
      if (!this.#optional || !isReaderGone(error)) throw error;
    }
  }

  async #writeOut(data: string | Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (data.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(data, (cause) => {
        if (cause === undefined || cause === null) {
          resolve();
          return;
        }
        this.#failure ??= this.#describe(cause);
        reject(this.#failure);
      });
    });
  }

  #describe(cause: Error): ArtifactError {
    const code = 'code' in cause ? cause.code : undefined;
    if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') {
      return new ArtifactError('CANCELLED', `nobody reads ${this.#name} any more`, {
        cause,
        details: { readerGone: true },
      });
    }
    if (code === 'ENOSPC') {
      return new ArtifactError('NO_SPACE', `no space left to write ${this.#name}; free some and try again`, {
        cause,
      });
    }
    return new ArtifactError('IO', `cannot write ${this.#name}: ${cause.message}`, { cause });
  }
}

/** An output that knows whether anything was written through it. */
export class WatchedOutput implements Output {
  readonly #output: Output;
  #written = false;

  constructor(output: Output) {
    this.#output = output;
  }

  get isTerminal(): boolean {
    return this.#output.isTerminal;
  }

  get written(): boolean {
    return this.#written;
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (data.length > 0) this.#written = true;
    await this.#output.write(data);
  }
}
