import { readdirSync, readFileSync } from 'node:fs';

const NANOSECONDS_PER_MS = 1e6;
const MICROSECONDS_PER_MS = 1e3;
/** One folder for each thread of this process (Linux). */
const THREADS_FOLDER = '/proc/self/task';
const MAIN_THREAD = String(process.pid);
const IO_FILE = '/proc/self/io';

/** What this process did for a while, summed over its threads. */
export interface ProcessUse {
  readonly elapsedMs: number;
  readonly cpuMs: number;
  /** Time that threads, except the main one, were ready to run but had no processor; 0 where the system does not tell. */
  readonly queuedMs: number;
  /** Bytes that came from a disk rather than from the page cache; 0 where the system does not tell. */
  readonly diskBytes: number;
}

/** Looks at the processor time and the disk reads of the whole process, again and again. */
export class ProcessMeter {
  #at: number = performance.now();
  #cpuMs: number = cpuMsSoFar();
  #queuedMs: number = queuedMsSoFar();
  #diskBytes: number = diskBytesSoFar();

  /** What happened since the last look. */
  look(): ProcessUse {
    const at = performance.now();
    const cpuMs = cpuMsSoFar();
    const queuedMs = queuedMsSoFar();
    const diskBytes = diskBytesSoFar();
    const use: ProcessUse = {
      elapsedMs: at - this.#at,
      cpuMs: cpuMs - this.#cpuMs,
      // Threads that ended meanwhile take their time with them.
      queuedMs: Math.max(0, queuedMs - this.#queuedMs),
      diskBytes: diskBytes - this.#diskBytes,
    };
    this.#at = at;
    this.#cpuMs = cpuMs;
    this.#queuedMs = queuedMs;
    this.#diskBytes = diskBytes;
    return use;
  }
}

function cpuMsSoFar(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / MICROSECONDS_PER_MS;
}

function diskBytesSoFar(): number {
  try {
    const [, bytes = '0'] = /^read_bytes: (\d+)$/m.exec(readFileSync(IO_FILE, 'latin1')) ?? [];
    return Number(bytes);
  } catch {
    return 0;
  }
}

function queuedMsSoFar(): number {
  let threads: string[];
  try {
    threads = readdirSync(THREADS_FOLDER);
  } catch {
    return 0;
  }
  let sumMs = 0;
  for (const thread of threads) {
    if (thread !== MAIN_THREAD) sumMs += queuedMsOf(thread);
  }
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
