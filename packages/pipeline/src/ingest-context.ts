import type { IngestRecord, ShardRecord } from '@waybill/core';
import type { LargeFileQueue } from './large-file-queue.ts';
import type { PipelinePorts } from './pipeline-ports.ts';
import type { ProgressMeter } from './progress.ts';
import type { StoringSet } from './storing-set.ts';

/** One execution of one ingest in one process. */
export interface IngestContext {
  readonly ports: PipelinePorts;
  readonly ingest: IngestRecord;
  readonly storing: StoringSet;
  readonly large: LargeFileQueue;
  readonly progress: ProgressMeter;
  readonly signal: AbortSignal;
  /** Takes shards that appeared while another was worked on. */
  onNewShards(shards: readonly ShardRecord[]): void;
}
