import { throwIfCancelled } from '@waybill/core';

export interface TaskGroupOptions {
  /** Tasks that may be under way at the same time; asked each time, since it may change. */
  readonly limit: () => number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Tasks under way at the same time, at most so many. The first failure stops the others, all settle, and it is
 * thrown by the next call. Disposed, it leaves nothing running.
 */
export class TaskGroup implements AsyncDisposable {
  readonly #limit: () => number;
  readonly #outer: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #signal: AbortSignal;
  readonly #running = new Set<Promise<void>>();
  #wake: (() => void) | undefined;
  #failed = false;
  #failure: unknown;

  constructor(options: TaskGroupOptions) {
    this.#limit = options.limit;
    this.#outer = options.signal;
    const inner = this.#controller.signal;
    this.#signal = options.signal === undefined ? inner : AbortSignal.any([options.signal, inner]);
  }

  /** Starts the task when there is room; resolves as soon as it runs. */
  async start(task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (this.#running.size >= Math.max(1, this.#limit())) await this.#oneEnded();
    await this.#throwIfFailed();
    throwIfCancelled(this.#outer);
    const running = this.#run(task);
    this.#running.add(running);
    void running.then(() => {
      this.#running.delete(running);
      this.#wake?.();
    });
  }

  /** Waits for every task. */
  async finish(): Promise<void> {
    await Promise.all(this.#running);
    await this.#throwIfFailed();
    throwIfCancelled(this.#outer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await Promise.all(this.#running);
  }

  async #oneEnded(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  /** Never rejects: what fails is kept. */
  async #run(task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await task(this.#signal);
    } catch (error) {
      if (this.#failed) return;
      this.#failed = true;
      this.#failure = error;
      this.#controller.abort();
    }
  }

  async #throwIfFailed(): Promise<void> {
    if (!this.#failed) return;
    await Promise.all(this.#running);
    throw this.#failure;
  }
}
