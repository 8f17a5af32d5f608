import { openSync, readSync } from 'node:fs';
import { blockedMsSoFar } from './blocked-time.ts';

/** How tasks spent their time, in milliseconds. */
export interface TaskLoad {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Waiting for other threads (permits and answers) and for a processor: neither gets better with more threads. */
  readonly blockedMs: number;
}

/**
 * Tasks are summed up to this much before they are reported: Linux brings the processor time of a running thread up to
 * date at its timer ticks only, every 1 to 10 ms.
 */
const REPORT_AFTER_MS = 40;
/** Three numbers of up to 20 digits. */
const STATISTICS_BYTES = 64;
const NANOSECONDS_PER_MS = 1e6;
const MICROSECONDS_PER_MS = 1e3;

interface Totals {
  readonly cpuMs: number;
  readonly blockedMs: number;
}

/** Measures the tasks of this thread. */
export class TaskMeter {
  #descriptor: number | undefined;
  readonly #buffer = Buffer.alloc(STATISTICS_BYTES);
  /** When the first task since the last report began. */
  #before: Totals | undefined;
  #wallMs = 0;
  #startedAt = 0;

  start(): void {
    this.#before ??= this.#totals();
    this.#startedAt = performance.now();
  }

  /** Ends a task. Returns the load of the tasks since the last report, when they are enough for one. */
  stop(): TaskLoad | undefined {
    this.#wallMs += performance.now() - this.#startedAt;
    if (this.#wallMs < REPORT_AFTER_MS || this.#before === undefined) return undefined;
    const after = this.#totals();
    const load: TaskLoad = {
      wallMs: this.#wallMs,
      cpuMs: after.cpuMs - this.#before.cpuMs,
      blockedMs: after.blockedMs - this.#before.blockedMs,
    };
    this.#before = undefined;
    this.#wallMs = 0;
    return load;
  }

  #totals(): Totals {
    const { user, system } = process.threadCpuUsage();
    return {
      cpuMs: (user + system) / MICROSECONDS_PER_MS,
      blockedMs: blockedMsSoFar() + this.#queuedMsSoFar(),
    };
  }

  /** Time this thread was ready but waited for a processor, where the system tells (Linux), else 0. */
  #queuedMsSoFar(): number {
    try {
      // The file stays open as long as the thread lives.
      this.#descriptor ??= openSync('/proc/thread-self/schedstat', 'r');
      const length = readSync(this.#descriptor, this.#buffer, 0, STATISTICS_BYTES, 0);
      const [, waitedNs = '0'] = this.#buffer.toString('latin1', 0, length).split(' ');
      return Number(waitedNs) / NANOSECONDS_PER_MS;
    } catch {
      return 0;
    }
  }
}
