import {
  ArtifactError,
  type BatchContext,
  type BlobStore,
  type HashPool,
  type LargeFile,
  type LargeResult,
  LIMITS,
  type ObjectDraft,
} from '@waybill/core';

/** Files one task hashes side by side: twice the lanes, so that a lane whose file ends finds another. */
const FILES_PER_TASK = 32;
/**
 * How much more all lanes of a thread get done than one file alone. A file hashed alone is as much faster than in a
 * lane, so one that takes that long alone as the other threads take for all the rest ends last, wherever it is put:
 * in a lane it would only keep back the files beside it, whose task is over when it is. A smaller one costs less
 * processor time in a lane. (1 GiB beside 200 files of 8 MiB on two threads: 5% sooner alone.)
 */
const LANES_GAIN = 4;

const FLUSH_EVERY_MS = 250;

/** A hashed large file, and the copy that was made of exactly the bytes hashed. */
export interface LargeOutcome {
  readonly result: LargeResult;
  readonly draft: ObjectDraft | undefined;
}

interface Waiting {
  readonly context: BatchContext;
  readonly ingestId: string;
  readonly file: LargeFile;
  readonly counter: SharedArrayBuffer;
  readonly attempts: number;
  readonly settled: PromiseWithResolvers<LargeOutcome>;
}

/** Large files of all shards worked on at the same time, given to threads in groups that fill the lanes. */
export class LargeFileQueue {
  readonly #pool: HashPool;
  readonly #store: BlobStore;
  readonly #signal: AbortSignal;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #scheduled = false;

  constructor(queue: { pool: HashPool; store: BlobStore; signal: AbortSignal }) {
    this.#pool = queue.pool;
    this.#store = queue.store;
    this.#signal = queue.signal;
  }

  /** Hashes the file, copying it into a draft when it is to be stored. The draft is the caller's to publish or drop. */
  add(of: {
    context: BatchContext;
    ingestId: string;
    file: LargeFile;
    /** One i64 that the thread keeps at the bytes it has read. */
    counter: SharedArrayBuffer;
  }): Promise<LargeOutcome> {
    const settled = Promise.withResolvers<LargeOutcome>();
    this.#waiting.push({ ...of, attempts: 1, settled });
    this.#schedule();
    return settled.promise;
  }

  /** Waits a turn of the event loop, so that files found together are grouped together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#waiting.length > 0 && this.#running < this.#pool.concurrency)
        this.#start(this.#takeGroup());
    });
  }

  #start(group: readonly Waiting[]): void {
    this.#running++;
    void this.#runGroup(group).finally(() => {
      this.#running--;
      this.#schedule();
    });
  }

  /** Largest first; one that dominates alone; else an even share of what waits for each free thread. */
  #takeGroup(): Waiting[] {
    this.#waiting.sort((a, b) => b.file.sizeBytes - a.file.sizeBytes);
    const [first] = this.#waiting;
    if (first === undefined) return [];
    const mates = this.#waiting.filter(({ context }) => sameContext(context, first.context));
    const bytes = mates.reduce((sum, { file }) => sum + file.sizeBytes, 0);
    const free = Math.max(1, this.#pool.cpus - this.#running);
    const rest = bytes - first.file.sizeBytes;
    const dominates = first.file.sizeBytes * LANES_GAIN * (this.#pool.cpus - 1) >= rest;
    const share = Math.min(FILES_PER_TASK, Math.ceil(mates.length / free));
    const group = new Set(mates.slice(0, dominates ? 1 : share));
    for (let index = this.#waiting.length - 1; index >= 0; index--) {
      const waiting = this.#waiting[index];
      if (waiting !== undefined && group.has(waiting)) this.#waiting.splice(index, 1);
    }
    return [...group];
  }

  async #runGroup(group: readonly Waiting[]): Promise<void> {
    const drafts: (ObjectDraft | undefined)[] = [];
    try {
      const [first] = group;
      if (first === undefined) return;
      for (const waiting of group) drafts.push(await this.#openDraft(waiting));
      const files = group.map(({ file, counter }, index) => {
        const draftPath = drafts[index]?.path;
        return draftPath === undefined ? { ...file, counter } : { ...file, counter, draftPath };
      });
      using _flushing = flushRegularly(drafts);
      const output = await this.#pool.run(
        'ingestLarge',
        { ...first.context, files },
        { signal: this.#signal },
      );
      for (const [index, waiting] of group.entries()) {
        await this.#settle(waiting, { result: output.results[index], draft: drafts[index] });
        drafts[index] = undefined;
      }
    } catch (error) {
      for (const { settled } of group) settled.reject(error);
      await Promise.allSettled(drafts.map(async (draft) => draft?.[Symbol.asyncDispose]()));
    }
  }

  async #openDraft({ context, ingestId }: Waiting): Promise<ObjectDraft | undefined> {
    if (context.mode === 'reference') return undefined;
    return this.#store.createDraft({ entity: context.entity, ingestId, signal: this.#signal });
  }

  /** A file that changed while it was read is read again, into a new draft, a few times. */
  async #settle(
    waiting: Waiting,
    outcome: { result: LargeResult | undefined; draft: ObjectDraft | undefined },
  ): Promise<void> {
    const { result, draft } = outcome;
    if (result?.kind === 'hashed') {
      waiting.settled.resolve({ result, draft });
      return;
    }
    await draft?.[Symbol.asyncDispose]();
    if (result === undefined) {
      waiting.settled.reject(new ArtifactError('INTERNAL', `no result for ${waiting.file.path}`));
    } else if (result.notice.reason === 'changed' && waiting.attempts < LIMITS.readAttempts) {
      this.#waiting.push({ ...waiting, attempts: waiting.attempts + 1 });
    } else {
      waiting.settled.resolve({ result, draft: undefined });
    }
  }
}

/** The disk works while files are hashed, not only when they are whole. */
function flushRegularly(drafts: readonly (ObjectDraft | undefined)[]): Disposable {
  const flushAll = (): void => {
    for (const draft of drafts) draft?.flush();
  };
  const timer = setInterval(flushAll, FLUSH_EVERY_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function sameContext(a: BatchContext, b: BatchContext): boolean {
  return a === b || (a.root === b.root && a.entryPrefix === b.entryPrefix && a.mode === b.mode);
}
