import type { ProcessorUse } from './processor-meter.ts';

/** Below this share of the processors they could use, threads wait for a disk. */
const WAITING_BELOW = 0.8;
/** Looks in a row that must say so. */
const LOOKS = 2;

/**
 * Decides when more threads pay off. A cold disk wants eight reads or more in flight however few processors there are,
 * a warm cache no more threads than processors; each costs 15 to 30 MB and 25 ms to start. It only ever grows: threads
 * without work end by themselves.
 */
export class ReaderGrowth {
  readonly max: number;
  readonly #cpus: number;
  #concurrency: number;
  #lowLooks = 0;

  constructor(limits: { start: number; max: number; cpus: number }) {
    this.#concurrency = limits.start;
    this.max = Math.max(limits.start, limits.max);
    this.#cpus = limits.cpus;
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  /**
   * Takes note of what the process did since the last look. `working` is how many tasks had no one but the disk and the
   * processors to wait for: with fewer of them than there may be, nothing follows.
   */
  observe({ elapsedMs, cpuMs, queuedMs }: ProcessorUse, working: number): void {
    const possibleMs = elapsedMs * Math.min(this.#concurrency, this.#cpus);
    const low = working >= this.#concurrency && cpuMs + queuedMs < possibleMs * WAITING_BELOW;
    this.#lowLooks = low ? this.#lowLooks + 1 : 0;
    if (this.#lowLooks < LOOKS) return;
    this.#lowLooks = 0;
    this.#concurrency = Math.min(this.max, this.#concurrency * 2);
  }
}
