import { throwIfCancelled } from '@waybill/core';

/** The right to have one request in flight. */
export interface Permit extends Disposable {
  /** The server answered: a little more may be asked of it. */
  succeeded(): void;
  /** The server said that it is too much: half of it. */
  overloaded(): void;
}

interface Waiter {
  readonly grant: () => void;
}

/**
 * How many requests may be in flight: one more for as many answers as the limit says, half when the server is
 * overloaded (additive increase, multiplicative decrease). All requests that were in flight when the limit shrank
 * count as one sign of overload. First come, first served.
 */
export class AimdLimiter {
  readonly #max: number;
  #limit: number;
  #inFlight = 0;
  #shrinks = 0;
  readonly #waiting = new Set<Waiter>();

  constructor(limits: { start: number; max: number }) {
    this.#max = limits.max;
    this.#limit = Math.min(limits.start, limits.max);
  }

  /** Requests that may be in flight now. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  /** @throws ArtifactError `CANCELLED` */
  async acquire(signal: AbortSignal | undefined): Promise<Permit> {
    throwIfCancelled(signal);
    if (this.#inFlight < this.limit && this.#waiting.size === 0) this.#inFlight++;
    else await this.#wait(signal);
    return this.#permit();
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { grant: resolve };
    const cancel = (): void => {
      this.#waiting.delete(waiter);
      reject(new Error('cancelled'));
    };
    this.#waiting.add(waiter);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      await promise;
    } catch (error) {
      throwIfCancelled(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  #permit(): Permit {
    const shrinksBefore = this.#shrinks;
    let held = true;
    return {
      succeeded: () => {
        this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit);
      },
      overloaded: () => {
        if (shrinksBefore !== this.#shrinks) return;
        this.#shrinks++;
        this.#limit = Math.max(1, this.#limit / 2);
      },
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#inFlight--;
        this.#grantWaiting();
      },
    };
  }

  #grantWaiting(): void {
    for (const waiter of this.#waiting) {
      if (this.#inFlight >= this.limit) return;
      this.#waiting.delete(waiter);
      this.#inFlight++;
      waiter.grant();
    }
  }
}
