/**
 * Hands values from one task to another, one at a time: `push` resolves when the value was taken. One producer, one
 * consumer. When the consumer leaves, what is pushed is dropped; the producer learns of it by other means.
 */
export class Channel<Value> implements AsyncIterableIterator<Value> {
  #offered: { readonly value: Value; readonly taken: () => void } | undefined;
  #waiting: ((result: IteratorResult<Value, undefined>) => void) | undefined;
  #closed = false;

  async push(value: Value): Promise<void> {
    if (this.#closed) return;
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      waiting({ done: false, value });
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#offered = { value, taken: resolve };
    await promise;
  }

  /** No more values; the consumer's loop ends. */
  close(): void {
    this.#closed = true;
    this.#offered?.taken();
    this.#offered = undefined;
    this.#waiting?.({ done: true, value: undefined });
    this.#waiting = undefined;
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    const offered = this.#offered;
    if (offered !== undefined) {
      this.#offered = undefined;
      offered.taken();
      return Promise.resolve({ done: false, value: offered.value });
    }
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    const { promise, resolve } = Promise.withResolvers<IteratorResult<Value, undefined>>();
    this.#waiting = resolve;
    return promise;
  }

  return(): Promise<IteratorResult<Value, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
