import { throwIfCancelled } from '@waybill/core';

/** Lets a changing number of tasks run at the same time; the others wait in order. */
export class AdmissionQueue {
  readonly #limit: () => number;
  readonly #waiting: ((admitted: boolean) => void)[] = [];
  #inside = 0;

  /** `limit` is asked whenever somebody enters or leaves; call `admit` when it has risen. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Waits for a place, which must be left later. @throws ArtifactError `CANCELLED` when the signal aborts first. */
  async enter(signal: AbortSignal | undefined): Promise<void> {
    throwIfCancelled(signal);
    if (this.#waiting.length === 0 && this.#inside < this.#limit()) {
      this.#inside++;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push(resolve);
    const onAbort = (): void => {
      const place = this.#waiting.indexOf(resolve);
      if (place >= 0) this.#waiting.splice(place, 1);
      resolve(false);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const admitted = await promise;
    signal?.removeEventListener('abort', onAbort);
    if (!admitted) throwIfCancelled(signal);
  }

  leave(): void {
    this.#inside--;
    this.admit();
  }

  /** Lets in whom there is room for: after the limit has risen. */
  admit(): void {
    while (this.#waiting.length > 0 && this.#inside < this.#limit()) this.#admitNext();
  }

  /** Lets everybody in at once: for closing, where each finds out that there is nothing left to enter. */
  flush(): void {
    while (this.#waiting.length > 0) this.#admitNext();
  }

  #admitNext(): void {
    this.#inside++;
    this.#waiting.shift()?.(true);
  }
}
