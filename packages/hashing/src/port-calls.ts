import type { MessagePort } from 'node:worker_threads';
import { ArtifactError, decodeError, type EncodedError, encodeError } from '@waybill/core';

/** Questions and answers over one port: the one side serves, the other calls. Errors travel as data. */
interface Call {
  readonly id: number;
  readonly question: unknown;
}

type Reply =
  | { readonly id: number; readonly ok: true; readonly answer: unknown }
  | { readonly id: number; readonly ok: false; readonly error: EncodedError };

/**
 * Answers every question that arrives at the port, several at a time if need be. Dispose it to close the port; questions
 * still open then fail on the calling side.
 */
export function serveCalls<Q, A>(port: MessagePort, answer: (question: Q) => Promise<A>): Disposable {
  port.on('message', (call: Call) => {
    // The question is what the calling side's `PortCaller<Q, A>` was given.
    Promise.try(answer, call.question as Q).then(
      (value) => port.postMessage({ id: call.id, ok: true, answer: value } satisfies Reply),
      (error: unknown) =>
        port.postMessage({ id: call.id, ok: false, error: encodeError(error) } satisfies Reply),
    );
  });
  return { [Symbol.dispose]: () => port.close() };
}

interface Pending<A> {
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/** The calling side of {@link serveCalls}. */
export class PortCaller<Q, A> implements Disposable {
  readonly #port: MessagePort;
  readonly #pending = new Map<number, Pending<A>>();
  #calls = 0;
  #closed = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (reply: Reply) => this.#settle(reply));
    port.on('close', () => this.#close());
  }

  /** @throws ArtifactError what the other side threw, with its code; `CANCELLED` when it went away. */
  call(question: Q): Promise<A> {
    const { promise, resolve, reject } = Promise.withResolvers<A>();
    if (this.#closed) {
      reject(gone());
      return promise;
    }
    const id = this.#calls++;
    this.#pending.set(id, { resolve, reject });
    this.#port.postMessage({ id, question } satisfies Call);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#port.close();
    this.#close();
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    // The answer is what the serving side's handler returned.
    if (reply.ok) pending?.resolve(reply.answer as A);
    else pending?.reject(decodeError(reply.error));
  }

  #close(): void {
    this.#closed = true;
    for (const { reject } of this.#pending.values()) reject(gone());
    this.#pending.clear();
  }
}

function gone(): ArtifactError {
  return new ArtifactError('CANCELLED', 'the question was given up because the side that answers has gone');
}
