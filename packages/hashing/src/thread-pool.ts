import { fileURLToPath } from 'node:url';
import { MessageChannel, type ResourceLimits } from 'node:worker_threads';
import {
  ArtifactError,
  decodeError,
  type HashPool,
  type RunOptions,
  type ThreadTask,
  type ThreadTasks,
  throwIfCancelled,
} from '@waybill/core';
import type { Piscina } from 'piscina';
import { AdmissionQueue } from './admission-queue.ts';
import { type HashPermits, processorCount } from './hash-permits.ts';
import { serveCalls } from './port-calls.ts';
import { ProcessMeter } from './process-meter.ts';
import { ReaderGrowth } from './reader-growth.ts';
import { CONTROL_WORDS, STOP_WORD, type TaskMessage, type TaskReply, THREAD_WORD } from './thread-task.ts';

/** Reads in flight that a cold disk needs, however few processors there are. */
const READERS_MIN = 8;
/** How long a cancelled task may take to notice before its thread is ended. */
const CANCEL_GRACE_MS = 5_000;
/** How often the process's load is looked at: some timer ticks of the system, which counts processor time by them. */
const LOOK_EVERY_MS = 50;
/** A thread above the first ones ends after this long without work. */
const IDLE_TIMEOUT_MS = 1_000;
/**
 * What a thread holds is bounded by budgets far below this. Told so, V8 collects garbage of the old generation sooner:
 * it waits for growth in proportion to what it may have.
 */
const OLD_GENERATION_MB = 128;
/**
 * Measured with tasks that allocate: 33 MB for each thread, 57 with V8's default and no faster. Less than 7 makes threads
 * five times slower and larger, because short-lived objects then end up in the old generation.
 */
const YOUNG_GENERATION_MB = 8;

export interface ThreadPoolOptions {
  /** The module threads run; it exports a `threadTask` for each task, under its name. */
  readonly filename: URL;
  /** Plain data for every thread, found in `workerData` of `node:worker_threads`. */
  readonly workerData?: unknown;
  /** Threads from the start; one for each processor unless given. */
  readonly threads?: number;
  /** Threads when tasks turn out to wait for the disk; max(8, processors) unless given. */
  readonly maxThreads?: number;
  /** Flags of Node for the threads; those of this process unless given. */
  readonly execArgv?: readonly string[];
  readonly resourceLimits?: ResourceLimits;
  /** The permits the threads use: those of a thread that dies are taken back. */
  readonly permits?: HashPermits;
  readonly cancelGraceMs?: number;
}

/** Starts a pool of threads. It alone starts threads. Dispose it to cancel what runs and end them. */
export async function createThreadPool(options: ThreadPoolOptions): Promise<HashPool> {
  // Imported here, so that threads, which import this package too, do not load it.
  const { Piscina } = await import('piscina');
  const cpus = processorCount();
  const threads = options.threads ?? cpus;
  const growth = new ReaderGrowth({
    start: threads,
    max: options.maxThreads ?? Math.max(READERS_MIN, cpus),
    cpus,
  });
  const piscina = new Piscina<TaskMessage, TaskReply>({
    filename: fileURLToPath(options.filename),
    minThreads: threads,
    maxThreads: growth.max,
    idleTimeout: IDLE_TIMEOUT_MS,
    concurrentTasksPerWorker: 1,
    resourceLimits: {
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
      maxOldGenerationSizeMb: OLD_GENERATION_MB,
      ...options.resourceLimits,
    },
    ...(options.workerData === undefined ? {} : { workerData: options.workerData }),
    ...(options.execArgv === undefined ? {} : { execArgv: [...options.execArgv] }),
  });
  return new ThreadPool({ piscina, cpus, growth, options });
}

/** A task that was given to a thread. */
interface Running {
  readonly control: Int32Array<SharedArrayBuffer>;
  /** Ends the thread. */
  readonly killer: AbortController;
  graceTimer: NodeJS.Timeout | undefined;
  /** Questions that it waits to be answered. */
  questions: number;
}

class ThreadPool implements HashPool {
  readonly cpus: number;
  readonly #piscina: Piscina<TaskMessage, TaskReply>;
  readonly #growth: ReaderGrowth;
  /** Keeps Piscina from starting more threads than pay off. */
  readonly #queue: AdmissionQueue;
  readonly #permits: HashPermits | undefined;
  readonly #graceMs: number;
  readonly #running = new Set<Running>();
  readonly #settled = new Set<Promise<unknown>>();
  /** Runs while there may be reason to grow. */
  #lookTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: {
    piscina: Piscina<TaskMessage, TaskReply>;
    cpus: number;
    growth: ReaderGrowth;
    options: ThreadPoolOptions;
  }) {
    this.cpus = parts.cpus;
    this.#piscina = parts.piscina;
    this.#growth = parts.growth;
    this.#queue = new AdmissionQueue(() => parts.growth.concurrency);
    this.#permits = parts.options.permits;
    this.#graceMs = parts.options.cancelGraceMs ?? CANCEL_GRACE_MS;
  }

  get concurrency(): number {
    return this.#growth.concurrency;
  }

  /**
   * Settles when the thread is done with the task, also when it is cancelled: a task that does not notice within the
   * grace period is ended with its thread.
   *
   * @throws ArtifactError what the task threw; `CANCELLED`; `INTERNAL` when its thread died.
   */
  async run<T extends ThreadTask>(
    task: T,
    input: ThreadTasks[T]['input'],
    options: RunOptions<T> = {},
  ): Promise<ThreadTasks[T]['output']> {
    const { signal } = options;
    await this.#queue.enter(signal);
    const running = newRunning();
    const onAbort = (): void => this.#cancel(running);
    this.#running.add(running);
    this.#watch();
    try {
      throwIfCancelled(signal);
      signal?.addEventListener('abort', onAbort, { once: true });
      const reply = await this.#send({ task, input, running }, options);
      if (!reply.ok) throw decodeError(reply.error);
      // A thread module exports a `threadTask` of the same name, whose output this is.
      return reply.output as ThreadTasks[T]['output'];
    } finally {
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(running.graceTimer);
      this.#running.delete(running);
      this.#queue.leave();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#lookTimer);
    for (const running of this.#running) this.#cancel(running);
    this.#queue.flush();
    await Promise.allSettled(this.#settled);
    await this.#piscina.destroy();
  }

  async #send<T extends ThreadTask>(
    { task, input, running }: { task: T; input: ThreadTasks[T]['input']; running: Running },
    { answer, signal }: RunOptions<T>,
  ): Promise<TaskReply> {
    if (this.#closed) throw closedError();
    using stack = new DisposableStack();
    const message: TaskMessage = { input, control: running.control };
    const settings = { name: task, signal: running.killer.signal };
    let reply: Promise<TaskReply>;
    if (answer === undefined) {
      reply = this.#piscina.run(message, settings);
    } else {
      const { port1, port2 } = new MessageChannel();
      stack.use(serveCalls(port1, countQuestions(running, answer)));
      // Piscina wants an array here, which its types do not say.
      const transferList: object = [port2];
      reply = this.#piscina.run({ ...message, port: port2 }, { ...settings, transferList });
    }
    this.#settled.add(reply);
    try {
      return await reply;
    } catch (error) {
      this.#permits?.reclaim(Atomics.load(running.control, THREAD_WORD));
      throwIfCancelled(signal);
      if (this.#closed) throw closedError();
      throw new ArtifactError('INTERNAL', `the thread of task ${task} died: ${String(error)}`, {
        cause: error,
      });
    } finally {
      this.#settled.delete(reply);
    }
  }

  /** Begins to look at the load of the process when all places are taken and there could be more. */
  #watch(): void {
    const mayGrow = (): boolean =>
      this.#running.size >= this.concurrency && this.concurrency < this.#growth.max;
    if (this.#lookTimer !== undefined || !mayGrow()) return;
    const meter = new ProcessMeter();
    this.#lookTimer = setInterval(() => {
      const working = [...this.#running].filter(({ questions }) => questions === 0).length;
      this.#growth.observe(meter.look(), working);
      this.#queue.admit();
      if (mayGrow()) return;
      clearInterval(this.#lookTimer);
      this.#lookTimer = undefined;
    }, LOOK_EVERY_MS).unref();
  }

  #cancel(running: Running): void {
    Atomics.store(running.control, STOP_WORD, 1);
    running.graceTimer ??= setTimeout(() => running.killer.abort(), this.#graceMs);
  }
}

/** The same answers, with a count of those that are under way. */
function countQuestions<Q, A>(
  running: Running,
  answer: (question: Q) => Promise<A>,
): (question: Q) => Promise<A> {
  return async (question) => {
    running.questions++;
    try {
      return await answer(question);
    } finally {
      running.questions--;
    }
  };
}

function newRunning(): Running {
  const control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT));
  return { control, killer: new AbortController(), graceTimer: undefined, questions: 0 };
}

function closedError(): ArtifactError {
  return new ArtifactError('CANCELLED', 'the thread pool was closed before the task was finished');
}
