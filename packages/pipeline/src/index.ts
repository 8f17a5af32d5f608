export type { IngestOutcome, IngestRequest, IngestRunOptions } from './ingest.ts';
export { cancelIngest, ingest, listInterrupted, resumeIngest } from './ingest.ts';
export type { PipelinePorts } from './pipeline-ports.ts';
export type { IngestProgress, OnProgress } from './progress.ts';
export type { AskShard, IngestThreadPorts } from './thread/ingest-thread-ports.ts';
export type { IngestTasks } from './thread-tasks.ts';
export { createIngestTasks } from './thread-tasks.ts';
