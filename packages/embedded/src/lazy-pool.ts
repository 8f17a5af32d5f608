import type { HashPool, RunOptions, ThreadTask, ThreadTasks } from '@waybill/core';

/** Starts threads with the first task, unless told to before: most commands never need one. */
export class LazyPool implements HashPool {
  readonly cpus: number;
  readonly #start: () => Promise<HashPool>;
  #pool: HashPool | undefined;
  #starting: Promise<HashPool> | undefined;
  #prepare: () => Promise<void> = () => Promise.resolve();

  constructor(pool: { cpus: number; start: () => Promise<HashPool> }) {
    this.cpus = pool.cpus;
    this.#start = pool.start;
  }

  get concurrency(): number {
    return this.#pool?.concurrency ?? this.cpus;
  }

  /** Starts the threads. What goes wrong, the first task reports. */
  start(): void {
    this.#started().catch(() => undefined);
  }

  /** Sets what has to be done before the first task. */
  prepare(step: () => Promise<void>): void {
    this.#prepare = step;
  }

  async run<T extends ThreadTask>(
    task: T,
    input: ThreadTasks[T]['input'],
    options?: RunOptions<T>,
  ): Promise<ThreadTasks[T]['output']> {
    const pool = this.#pool ?? (await this.#ready());
    return pool.run(task, input, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#starting === undefined) return;
    const pool = await this.#starting;
    await pool[Symbol.asyncDispose]();
  }

  async #ready(): Promise<HashPool> {
    const starting = this.#started();
    await this.#prepare();
    this.#pool = await starting;
    return this.#pool;
  }

  #started(): Promise<HashPool> {
    this.#starting ??= this.#start();
    return this.#starting;
  }
}
