import type { TaskLoad } from './task-meter.ts';

/** Below this share of processor time, threads wait for a disk. */
const WAITING_BELOW = 0.5;
/**
 * Decides when more threads pay off. A cold disk wants eight reads or more in flight however few processors there are,
 * a warm cache no more threads than processors; each costs about 10 MB and 25 ms to start. It only ever grows: threads
 * without work end by themselves.
 */
export class ReaderGrowth {
  readonly max: number;
  #concurrency: number;

  constructor(limits: { start: number; max: number }) {
    this.#concurrency = limits.start;
    this.max = Math.max(limits.start, limits.max);
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  /** Takes note of how a thread spent its time; `wanted` is how many tasks there were to run at that moment. */
  observe(load: TaskLoad, wanted: number): void {
    const waiting = load.cpuMs < (load.wallMs - load.blockedMs) * WAITING_BELOW;
    if (waiting && wanted >= this.#concurrency) this.#concurrency = Math.min(this.max, this.#concurrency * 2);
  }
}
