import {
  type ArtifactError,
  type IngestRecord,
  type IngestState,
  LIMITS,
  type ShardRecord,
  type VersionRecord,
} from '@waybill/core';
import { type FailedIn, failureRecord } from './failure-record.ts';
import { finalizeIngest, lostIngest, sweepStaging } from './finalize.ts';
import type { IngestContext } from './ingest-context.ts';
import { watchIngest } from './ingest-watch.ts';
import { LargeFileQueue } from './large-file-queue.ts';
import type { PipelinePorts } from './pipeline-ports.ts';
import { planShards } from './plan.ts';
import { type OnProgress, ProgressMeter } from './progress.ts';
import { runShard } from './shard.ts';
import { ShardQueue } from './shard-queue.ts';
import { StoringSet } from './storing-set.ts';

const PENDING_PER_PAGE = 200;
/** What an ingest failed in, asked from the later to the earlier, since it only moves forward. */
const FAILED_IN: readonly (readonly [FailedIn, readonly IngestState[]])[] = [
  ['RUNNING', ['RUNNING', 'FINALIZING']],
  ['PLANNING', ['PLANNING']],
];

/**
 * Runs an ingest to its end in this process: plan and shards side by side, then finalize. The caller holds the
 * ingest's lock. After an error of the input the ingest is FAILED; after a cancellation by signal, or a crash, it
 * stays as it is and can be taken up again.
 */
export async function executeIngest(
  ports: PipelinePorts,
  ingest: IngestRecord,
  options: { signal?: AbortSignal; onProgress?: OnProgress | undefined },
): Promise<{ version: VersionRecord; created: boolean; ingest: IngestRecord }> {
  const failed = new AbortController();
  const signal =
    options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal]);
  const queue = new ShardQueue();
  const context: IngestContext = {
    ports,
    ingest,
    signal,
    storing: new StoringSet(),
    large: new LargeFileQueue({ pool: ports.pool, store: ports.store, signal }),
    progress: new ProgressMeter({
      clock: ports.clock,
      onProgress: options.onProgress,
      start: startOf(ingest),
    }),
    onNewShards: (shards) => queue.add(shards.map(({ shardId }) => shardId)),
  };
  let lost: { error: ArtifactError } | undefined;
  using _watch = watchIngest(context, (error) => {
    lost = { error };
    failed.abort(error);
  });
  try {
    await runShards(context, { queue, fail: (error) => failed.abort(error) });
    // The threads have nothing else to do while the manifest is made.
    const [{ version, created }] = await Promise.all([finalizeIngest(context), ports.statCache?.settle()]);
    await sweepStaging(context);
    const ended = (await ports.catalog.getIngest(ingest.ingestId)) ?? ingest;
    return { version, created, ingest: ended };
  } catch (failure) {
    // A thread that is stopped for it knows no more than that.
    const error = lost?.error ?? failure;
    // Where the catalog does not take the record either, the error that started it says more than its refusal.
    await recordFailure(context, error, options.signal).catch(() => undefined);
    throw error;
  } finally {
    context.progress[Symbol.dispose]();
  }
}

/** Plans and works on shards at the same time; the first failure stops all, and is the one reported. */
async function runShards(
  context: IngestContext,
  run: { queue: ShardQueue; fail: (error: unknown) => void },
): Promise<void> {
  let firstError: { error: unknown } | undefined;
  const guard = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      firstError ??= { error };
      run.queue.close();
      run.fail(error);
    }
  };
  const workers = Array.from({ length: shardsInFlight(context) }, () =>
    guard(() => workOnShards(context, run.queue)),
  );
  await Promise.all([guard(() => feedShards(context, run.queue)), ...workers]);
  if (firstError !== undefined) throw firstError.error;
}

function shardsInFlight({ ports }: IngestContext): number {
  return Math.max(LIMITS.shardsInFlight, ports.pool.cpus * 2 + 2);
}

async function workOnShards(context: IngestContext, queue: ShardQueue): Promise<void> {
  for (;;) {
    if (context.signal.aborted) return;
    const shardId = await queue.take();
    if (shardId === undefined) return;
    try {
      await runShard(context, shardId);
    } finally {
      queue.done();
    }
  }
}

/**
 * First what an earlier execution left, then what the plan adds. Shards cut off by those under way reach the queue
 * on their own, so only those are fed that were there before any was started: two attempts at one shard at once
 * would each undo the other's split.
 */
async function feedShards(context: IngestContext, queue: ShardQueue): Promise<void> {
  const { ports, ingest, signal } = context;
  const left = await measureLeft(context);
  context.progress.addPlanned(left.files);
  for await (const page of pendingShards(context)) {
    await queue.push(page.map(({ shardId }) => shardId).filter((shardId) => shardId <= left.lastShardId));
    if ((page.at(-1)?.shardId ?? 0) >= left.lastShardId) break;
  }
  if (ingest.state === 'PLANNING') {
    for await (const shards of planShards(context)) await queue.push(shards.map(({ shardId }) => shardId));
    ports.faults.reach('plan.done');
    const { ingestId, fence } = ingest;
    const now = await ports.catalog.moveIngest(
      { ingestId, fence, from: ['PLANNING'], to: 'RUNNING' },
      { signal },
    );
    if (now === undefined) throw await lostIngest(context);
  }
  context.progress.enter('RUNNING');
  queue.close();
}

/** The shards that are not done, in order of their ids, in pages. */
async function* pendingShards({ ports, ingest, signal }: IngestContext): AsyncGenerator<ShardRecord[]> {
  let after: number | undefined;
  for (;;) {
    const filter = { ingestId: ingest.ingestId, state: 'PENDING' as const, after, limit: PENDING_PER_PAGE };
    const page = await ports.catalog.listShards(filter, { signal });
    yield page;
    after = page.at(-1)?.shardId;
    if (page.length < PENDING_PER_PAGE) return;
  }
}

/** What an earlier execution left, before anything of it is started. */
async function measureLeft(context: IngestContext): Promise<{ lastShardId: number; files: number }> {
  let lastShardId = 0;
  let files = 0;
  for await (const page of pendingShards(context)) {
    lastShardId = page.at(-1)?.shardId ?? lastShardId;
    for (const { listCount } of page) files += listCount;
  }
  return { lastShardId, files };
}

/** Ctrl-C leaves the ingest resumable; a request to cancel ends it; any other error is its failure. */
async function recordFailure(
  context: IngestContext,
  error: unknown,
  caller: AbortSignal | undefined,
): Promise<void> {
  const { ports, ingest } = context;
  const { ingestId, fence } = ingest;
  const cancelled = await ports.catalog.moveIngest({
    ingestId,
    fence,
    from: ['CANCELLING'],
    to: 'CANCELLED',
  });
  if (cancelled !== undefined) {
    await sweepStaging(context);
    return;
  }
  if (caller?.aborted === true) return;
  for (const [failedIn, from] of FAILED_IN) {
    const failure = failureRecord(error, failedIn);
    const failed = await ports.catalog.moveIngest({ ingestId, fence, from, to: 'FAILED', error: failure });
    if (failed !== undefined) return;
  }
}

function startOf(ingest: IngestRecord): ConstructorParameters<typeof ProgressMeter>[0]['start'] {
  const { files, bytes, filesHashed, bytesHashed } = ingest.stats;
  return {
    ingestId: ingest.ingestId,
    state: ingest.state,
    files,
    bytes,
    filesHashed,
    bytesHashed,
    plannedFiles: files,
    planned: ingest.state !== 'PLANNING',
  };
}
