import type { IngestLocks } from '@waybill/core';

/** Locks of one process. */
export class MemoryLocks implements IngestLocks {
  readonly #held = new Set<string>();

  acquire(id: string): Promise<AsyncDisposable | undefined> {
    if (this.#held.has(id)) return Promise.resolve(undefined);
    this.#held.add(id);
    return Promise.resolve({
      [Symbol.asyncDispose]: async () => void this.#held.delete(id),
    });
  }
}
