import type {
  BatchAnswer,
  BatchQuestion,
  Clock,
  ContentHasher,
  DraftWriter,
  FaultPoints,
  SegmentFiles,
  SourceFiles,
  StatCacheReader,
} from '@waybill/core';

/** What the ingest tasks need inside a thread. */
export interface IngestThreadPorts {
  readonly files: SourceFiles;
  readonly hasher: ContentHasher;
  readonly segments: Pick<SegmentFiles, 'encodeFrame'>;
  readonly drafts: DraftWriter;
  /** Absent when the stat cache is switched off for the whole process. */
  readonly statCache: StatCacheReader | undefined;
  readonly clock: Clock;
  readonly faults: FaultPoints;
}

/** Asks the shard, which lives in the main thread. */
export type AskShard = (question: BatchQuestion) => Promise<BatchAnswer>;

/** Tells a thread that is busy that nobody wants its work any more. */
export interface StopSignal {
  /** @throws ArtifactError `CANCELLED` */
  throwIfAborted(): void;
}
