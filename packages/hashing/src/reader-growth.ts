import type { ProcessUse } from './process-meter.ts';

/** Bytes read from a disk, not from the page cache, between two looks: the disk is what is waited for. */
const DISK_BYTES_MIN = 1024 * 1024;
/** Below this share of the processors they could use, threads wait for something else, say a file server. */
const WAITING_BELOW = 0.5;
/** Above this share the processors are what is waited for, whatever the disk does: more threads would only take memory. */
const BUSY_ABOVE = 0.85;
/** Looks in a row that must say so. */
const LOOKS = 2;

/**
 * Decides when more threads pay off. A cold disk wants eight reads or more in flight however few processors there are,
 * a warm cache no more threads than processors; each costs 30 to 45 MB and 25 ms to start. It only ever grows: threads
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
  observe(use: ProcessUse, working: number): void {
    if (working < this.#concurrency) {
      this.#lowLooks = 0;
      return;
    }
    const possibleMs = use.elapsedMs * Math.min(this.#concurrency, this.#cpus);
    const share = (use.cpuMs + use.queuedMs) / possibleMs;
    this.#lowLooks = share < WAITING_BELOW ? this.#lowLooks + 1 : 0;
    const waitsForDisk = use.diskBytes >= DISK_BYTES_MIN && share < BUSY_ABOVE;
    if (!waitsForDisk && this.#lowLooks < LOOKS) return;
    this.#lowLooks = 0;
    this.#concurrency = Math.min(this.max, this.#concurrency * 2);
  }
}
