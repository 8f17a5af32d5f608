import type { ContentHasher, Digests, SourceFiles, TargetFiles, ThreadStore } from '@waybill/core';

/** What the tasks of the use cases need inside a thread. */
export interface OperationThreadPorts {
  readonly store: ThreadStore;
  readonly targets: TargetFiles;
  readonly hasher: ContentHasher;
  readonly files: SourceFiles;
  /** For contents that arrive piece by piece, from stores that answer later. */
  readonly digests: Digests;
}

/** The ports as one task has them. */
export interface TaskPorts extends OperationThreadPorts {
  readonly signal: StopSignal;
}

/** What an `AbortSignal` has and a thread can have too: it changes while the thread is busy. */
export interface StopSignal {
  throwIfAborted(): void;
}
