import { readdirSync, readFileSync } from 'node:fs';

const NANOSECONDS_PER_MS = 1e6;
const MICROSECONDS_PER_MS = 1e3;
/** One folder for each thread of this process (Linux). */
const THREADS_FOLDER = '/proc/self/task';

/** What this process did with the processors for a while, in milliseconds. */
export interface ProcessorUse {
  readonly elapsedMs: number;
  /** Sum over the threads. */
  readonly cpuMs: number;
  /** Time that threads were ready to run while other processes had the processors; 0 where the system does not tell. */
  readonly queuedMs: number;
}

/** Looks at the processor time of the whole process, again and again. */
export class ProcessorMeter {
  #at: number = performance.now();
  #cpuMs: number = cpuMsSoFar();
  #queuedMs: number = queuedMsSoFar();

  /** What happened since the last look. */
  look(): ProcessorUse {
    const at = performance.now();
    const cpuMs = cpuMsSoFar();
    const queuedMs = queuedMsSoFar();
    const use: ProcessorUse = {
      elapsedMs: at - this.#at,
      cpuMs: cpuMs - this.#cpuMs,
      // Threads that ended meanwhile take their time with them.
      queuedMs: Math.max(0, queuedMs - this.#queuedMs),
    };
    this.#at = at;
    this.#cpuMs = cpuMs;
    this.#queuedMs = queuedMs;
    return use;
  }
}

function cpuMsSoFar(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / MICROSECONDS_PER_MS;
}

function queuedMsSoFar(): number {
  let threads: string[];
  try {
    threads = readdirSync(THREADS_FOLDER);
  } catch {
    return 0;
  }
  let sumMs = 0;
  for (const thread of threads) sumMs += queuedMsOf(thread);
  return sumMs;
}

/** The second of the three numbers: nanoseconds spent waiting for a processor. */
function queuedMsOf(thread: string): number {
  try {
    const [, waitedNs = '0'] = readFileSync(`${THREADS_FOLDER}/${thread}/schedstat`, 'latin1').split(' ');
    return Number(waitedNs) / NANOSECONDS_PER_MS;
  } catch {
    // The thread has ended, or the kernel keeps no such statistics.
    return 0;
  }
}
