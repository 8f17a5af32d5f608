/** Shards waiting in memory; the planner waits when there are more. */
const WAITING_MAX = 64;

/** A bounded queue between the planner and the shards' workers, closed by whoever knows that nothing more comes. */
export class ShardQueue {
  readonly #waiting: number[] = [];
  /** Shards given out and not reported done: each may still add others. */
  #active = 0;
  #closed = false;
  #wake = Promise.withResolvers<void>();

  /** Adds shards; answers when there is room for more. */
  async push(shardIds: readonly number[]): Promise<void> {
    this.add(shardIds);
    while (this.#waiting.length > WAITING_MAX && !this.#closed) await this.#wake.promise;
  }

  /** Adds shards without waiting for room: those a worker cut off. */
  add(shardIds: readonly number[]): void {
    for (const shardId of shardIds) this.#waiting.push(shardId);
    this.#notify();
  }

  /** Nothing more comes from the planner. */
  close(): void {
    this.#closed = true;
    this.#notify();
  }

  /** The next shard, or `undefined` when there will be none. Every shard taken is given back with {@link done}. */
  async take(): Promise<number | undefined> {
    for (;;) {
      const shardId = this.#waiting.shift();
      if (shardId !== undefined) {
        this.#active++;
        this.#notify();
        return shardId;
      }
      if (this.#closed && this.#active === 0) return undefined;
      await this.#wake.promise;
    }
  }

  done(): void {
    this.#active--;
    this.#notify();
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
