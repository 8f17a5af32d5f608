import type { IngestBatchInput, IngestBatchOutput, IngestLargeInput, IngestLargeOutput } from '@waybill/core';
import { ingestBatch } from './thread/ingest-batch.ts';
import { ingestLarge } from './thread/ingest-large.ts';
import type { AskShard, IngestThreadPorts, StopSignal } from './thread/ingest-thread-ports.ts';

/** The pipeline's part of what threads do. */
export interface IngestTasks {
  ingestBatch(input: IngestBatchInput, ask: AskShard): Promise<IngestBatchOutput>;
  ingestLarge(input: IngestLargeInput, stop: StopSignal): IngestLargeOutput;
}

/** Binds the ingest tasks to a thread's ports. */
export function createIngestTasks(ports: IngestThreadPorts): IngestTasks {
  return {
    ingestBatch: (input, ask) => ingestBatch(ports, input, ask),
    ingestLarge: (input, stop) => ingestLarge(ports, input, stop),
  };
}
