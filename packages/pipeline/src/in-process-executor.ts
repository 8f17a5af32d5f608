import { ArtifactError, encodeError, type IngestRecord, LIMITS, type VersionRecord } from '@waybill/core';
import { finalizeIngest, sweepStaging } from './finalize.ts';
import type { IngestContext } from './ingest-context.ts';
import { LargeFileQueue } from './large-file-queue.ts';
import type { PipelinePorts } from './pipeline-ports.ts';
import { planShards } from './plan.ts';
import { type OnProgress, ProgressMeter } from './progress.ts';
import { runShard } from './shard.ts';
import { ShardQueue } from './shard-queue.ts';
import { StoringSet } from './storing-set.ts';

const PENDING_PER_PAGE = 200;

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
  try {
    await runShards(context, { queue, fail: (error) => failed.abort(error) });
    // The threads have nothing else to do while the manifest is made.
    const [{ version, created }] = await Promise.all([finalizeIngest(context), ports.statCache?.settle()]);
    await sweepStaging(context);
    const ended = (await ports.catalog.getIngest(ingest.ingestId)) ?? ingest;
    return { version, created, ingest: ended };
  } catch (error) {
    await recordFailure(context, error, options.signal);
    throw error;
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

/** First what an earlier execution left, then what the plan adds. */
async function feedShards(context: IngestContext, queue: ShardQueue): Promise<void> {
  const { ports, ingest, signal } = context;
  let after: number | undefined;
  for (;;) {
    const filter = { ingestId: ingest.ingestId, state: 'PENDING' as const, after, limit: PENDING_PER_PAGE };
    const page = await ports.catalog.listShards(filter, { signal });
    await queue.push(page.map(({ shardId }) => shardId));
    after = page.at(-1)?.shardId;
    if (page.length < PENDING_PER_PAGE) break;
  }
  if (ingest.state === 'PLANNING') {
    for await (const shards of planShards(context)) await queue.push(shards.map(({ shardId }) => shardId));
    ports.faults.reach('plan.done');
    const { ingestId, fence } = ingest;
    const now = await ports.catalog.moveIngest(
      { ingestId, fence, from: ['PLANNING'], to: 'RUNNING' },
      { signal },
    );
    if (now === undefined)
      throw new ArtifactError('STATE_CONFLICT', `ingest ${ingestId} was taken over or cancelled`);
  }
  context.progress.enter('RUNNING');
  queue.close();
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
  await ports.catalog.moveIngest({
    ingestId,
    fence,
    from: ['PLANNING', 'RUNNING', 'FINALIZING'],
    to: 'FAILED',
    error: encodeError(error),
  });
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
