import {
  ArtifactError,
  type HashPool,
  type RunOptions,
  type ThreadTask,
  type ThreadTasks,
  throwIfCancelled,
} from '@waybill/core';
import { createOperationTasks, type OperationPorts, type OperationTaskName } from '@waybill/operations';
import { MemoryCatalog } from './memory-catalog.ts';
import { createMemoryHasher, memoryDigests } from './memory-digests.ts';
import { MemoryCheckouts, MemoryFiles } from './memory-files.ts';
import { MemoryLocks } from './memory-locks.ts';
import { MemoryManifests, memorySort, memoryTexts } from './memory-manifests.ts';
import { Killed, MemoryStore } from './memory-store.ts';

/** Contents of this size and more do not fit into a thread's memory. */
export const ARENA_BYTES = 256;

export interface MemoryPorts extends OperationPorts {
  readonly memory: {
    readonly catalog: MemoryCatalog;
    readonly store: MemoryStore;
    readonly files: MemoryFiles;
    readonly manifests: MemoryManifests;
    readonly checkouts: MemoryCheckouts;
    /** Places reached, by name. */
    readonly reached: string[];
    /** Ends the "process" at the so-manieth place from now on. */
    killAfter(count: number): void;
    /** Called before each task; may change the world meanwhile. */
    onTask: (task: ThreadTask) => void;
  };
}

/** Ports in memory that behave as the real ones promise to. `later`: a store whose reads answer later. */
export function createMemoryPorts(options: { later?: boolean } = {}): MemoryPorts {
  const catalog = new MemoryCatalog();
  const store = new MemoryStore();
  const files = new MemoryFiles();
  const manifests = new MemoryManifests();
  const checkouts = new MemoryCheckouts();
  const reached: string[] = [];
  let left = Number.POSITIVE_INFINITY;
  const memory: MemoryPorts['memory'] = {
    catalog,
    store,
    files,
    manifests,
    checkouts,
    reached,
    killAfter: (count) => {
      left = count;
    },
    onTask: () => undefined,
  };
  const tasks = createOperationTasks({
    store: store.forThreads({ later: options.later ?? false }),
    targets: files.targets,
    hasher: createMemoryHasher(ARENA_BYTES),
    files: files.sources,
    digests: memoryDigests,
  });
  let names = 0;
  return {
    memory,
    catalog: catalog.asCatalog(),
    index: catalog,
    store,
    manifests,
    texts: memoryTexts,
    sort: memorySort,
    pool: new MemoryPool(tasks, memory),
    targets: files.tree,
    checkouts,
    ownFolders: ['/srv/own', '/mnt/store'],
    locks: new MemoryLocks(),
    globs: { compile: (patterns) => (path) => patterns.some((pattern) => globToRegExp(pattern).test(path)) },
    digests: memoryDigests,
    clock: { nowMs: () => catalog.nowMs },
    random: { uniqueName: () => `u${String(++names).padStart(20, '0')}` },
    faults: {
      reach(name) {
        reached.push(name);
        left--;
        if (left < 0) throw new Killed(`killed at ${name}`);
      },
    },
    scratchFolder: '/scratch',
  };
}

class MemoryPool implements HashPool {
  readonly cpus = 2;
  readonly concurrency = 3;
  readonly #tasks: ReturnType<typeof createOperationTasks>;
  readonly #memory: MemoryPorts['memory'];
  #running: Promise<unknown> = Promise.resolve();

  constructor(tasks: ReturnType<typeof createOperationTasks>, memory: MemoryPorts['memory']) {
    this.#tasks = tasks;
    this.#memory = memory;
  }

  /** One task at a time, as the memory of one thread demands; inputs and outputs are copied as between threads. */
  async run<T extends ThreadTask>(
    task: T,
    input: ThreadTasks[T]['input'],
    options?: RunOptions<T>,
  ): Promise<ThreadTasks[T]['output']> {
    options?.signal?.throwIfAborted();
    const handler = this.#tasks[task as OperationTaskName] as (
      input: ThreadTasks[T]['input'],
      context: {
        signal: { throwIfAborted(): void };
        ask(question: ThreadTasks[T]['question']): Promise<ThreadTasks[T]['answer']>;
      },
    ) => Promise<ThreadTasks[T]['output']>;
    const signal = { throwIfAborted: () => throwIfCancelled(options?.signal) };
    const ask = async (question: ThreadTasks[T]['question']) => {
      if (options?.answer === undefined) throw new ArtifactError('INTERNAL', 'nobody answers');
      return options.answer(structuredClone(question));
    };
    const before = this.#running;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = promise;
    await before;
    try {
      this.#memory.onTask(task);
      return structuredClone(await handler(structuredClone(input), { ask, signal }));
    } finally {
      resolve();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function globToRegExp(glob: string): RegExp {
  const parts = glob.split(/(\*\*|\*|\?)/).map((part) => {
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : RegExp.escape(part);
  });
  return new RegExp(`^${parts.join('')}$`, 's');
}
