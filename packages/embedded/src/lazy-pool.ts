import type { HashPool, RunOptions, ThreadTask, ThreadTasks } from '@waybill/core';

/** Starts threads with the first task: most commands never need one. */
export class LazyPool implements HashPool {
  readonly cpus: number;
  readonly #start: () => Promise<HashPool>;
  #pool: HashPool | undefined;
  #starting: Promise<HashPool> | undefined;

  constructor(pool: { cpus: number; start: () => Promise<HashPool> }) {
    this.cpus = pool.cpus;
    this.#start = pool.start;
  }

  get concurrency(): number {
    return this.#pool?.concurrency ?? this.cpus;
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
    this.#starting ??= this.#start();
    this.#pool = await this.#starting;
    return this.#pool;
  }
}
