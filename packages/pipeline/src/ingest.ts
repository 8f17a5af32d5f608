import { setTimeout as delay } from 'node:timers/promises';
import {
  ArtifactError,
  type ArtifactName,
  assertAlias,
  assertArtifactType,
  assertDescription,
  type DigestAlgorithm,
  digestToHex,
  type IngestOptions,
  type IngestRecord,
  type IngestSource,
  type IngestState,
  LIMITS,
  type Metadata,
  normalizeEntryPath,
  OPEN_INGEST_STATES,
  type VersionRecord,
} from '@waybill/core';
import { goOnIn } from './failure-record.ts';
import { sweepStaging } from './finalize.ts';
import { executeIngest } from './in-process-executor.ts';
import type { PipelinePorts } from './pipeline-ports.ts';
import type { OnProgress } from './progress.ts';

/** What a caller asks for. Paths are as given: local paths, or `file://` URLs for references. */
export interface IngestRequest {
  readonly artifact: ArtifactName;
  readonly type: string;
  readonly aliases: readonly string[];
  readonly description?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly digestAlgorithm?: DigestAlgorithm | undefined;
  readonly paths: readonly string[];
  /** Folder of the version everything goes into; empty for the top. */
  readonly into: string;
  /** Absolute folder relative paths start from. */
  readonly workingFolder: string;
  readonly options: IngestOptions;
}

export interface IngestOutcome {
  readonly version: VersionRecord;
  /** False when the content equals a version that was there already. */
  readonly created: boolean;
  readonly ingest: IngestRecord;
  readonly seconds: number;
  /** Paths that are not in the version, listed by the catalog's notices. */
  readonly leftOut: number;
}

export interface IngestRunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

const INGESTS_PER_PAGE = 100;
const UNFINISHED = OPEN_INGEST_STATES;
/** Whoever lists ingests holds the lock of each for a moment; a lock that is held longer means work. */
const PROBE_MS = 100;

/**
 * Makes a version of local files. The same request again, after it was interrupted or failed, goes on with its own
 * ingest: the sources are walked anew, and what was hashed and stored before is neither hashed nor stored again.
 *
 * @throws ArtifactError `BUSY` when the same request is being worked on; what the sources, names and limits give
 */
export async function ingest(
  ports: PipelinePorts,
  request: IngestRequest,
  options: IngestRunOptions = {},
): Promise<IngestOutcome> {
  const startedAtMs = ports.clock.nowMs();
  const into = validate(ports, request);
  const sources: IngestSource[] = [];
  for (const path of request.paths) {
    sources.push(await ports.source.resolve(path, { into, workingFolder: request.workingFolder }));
  }
  const fingerprint = fingerprintOf(ports, request, sources);
  const own = await takeUpOwn(ports, { entity: request.artifact.entity, fingerprint });
  const taken = own ?? (await createNew(ports, { request, sources, fingerprint }));
  await using _lock = taken.lock;
  return await finish(ports, { ingest: taken.ingest, startedAtMs }, options);
}

/**
 * Goes on with an interrupted ingest where it stopped: finished shards are not redone. One that FAILED because of its
 * sources is planned anew, since they are expected to have been put right; one that failed otherwise (a full disk)
 * goes on.
 *
 * @throws ArtifactError `NOT_FOUND`, `BUSY` when it is being worked on, `STATE_CONFLICT` when it has ended
 */
export async function resumeIngest(
  ports: PipelinePorts,
  request: { ingestId: string },
  options: IngestRunOptions = {},
): Promise<IngestOutcome> {
  const startedAtMs = ports.clock.nowMs();
  const { ingestId } = request;
  await needIngest(ports, ingestId);
  await using _lock = await lockIngest(ports, ingestId);
  const now = await needIngest(ports, ingestId);
  assertResumable(now);
  const again = await takeUp(ports, now);
  return await finish(ports, { ingest: again, startedAtMs }, options);
}

/** Ingests that are neither committed nor cancelled, each with whether a process works on it now. */
export async function* listInterrupted(
  ports: PipelinePorts,
  scope: { entity?: string } = {},
): AsyncGenerator<{ ingest: IngestRecord; live: boolean }> {
  let after: number | undefined;
  for (;;) {
    const page = await ports.catalog.listIngests({
      ...scope,
      states: UNFINISHED,
      after,
      limit: INGESTS_PER_PAGE,
    });
    for (const found of page) {
      const lock = await ports.locks.acquire(found.ingestId);
      await lock?.[Symbol.asyncDispose]();
      yield { ingest: found, live: lock === undefined };
    }
    after = page.at(-1)?.sequence;
    if (page.length < INGESTS_PER_PAGE) return;
  }
}

/** Gives an ingest up. One that another process works on stops at its next batch. */
export async function cancelIngest(
  ports: PipelinePorts,
  request: { ingestId: string },
): Promise<IngestRecord> {
  const { ingestId } = request;
  const found = await needIngest(ports, ingestId);
  const from = UNFINISHED.filter((state) => state !== 'CANCELLING');
  const moved = await ports.catalog.moveIngest({ ingestId, from, to: 'CANCELLING' });
  if (moved === undefined && found.state !== 'CANCELLING') {
    throw new ArtifactError(
      'STATE_CONFLICT',
      `ingest ${ingestId} is ${found.state}; it cannot be cancelled any more`,
    );
  }
  const lock = await tryLockIngest(ports, ingestId);
  if (lock === undefined) return moved ?? found;
  await using _lock = lock;
  const cancelled = await ports.catalog.moveIngest({ ingestId, from: ['CANCELLING'], to: 'CANCELLED' });
  await sweepStaging({ ports, ingest: found });
  return cancelled ?? (await needIngest(ports, ingestId));
}

function validate(ports: PipelinePorts, request: IngestRequest): string {
  assertArtifactType(request.type, request.artifact.name);
  // `latest` comes by itself and counts too; found out at the commit, all of the work would be lost.
  const aliases = new Set([...request.aliases, 'latest']).size;
  if (aliases > LIMITS.aliasesPerVersion) {
    throw new ArtifactError(
      'INVALID_ALIAS',
      `${aliases} aliases with "latest"; at most ${LIMITS.aliasesPerVersion} are allowed, so give fewer`,
    );
  }
  for (const alias of request.aliases) if (alias !== 'latest') assertAlias(alias);
  if (request.paths.length === 0)
    throw new ArtifactError('INVALID_ARGUMENT', 'no path given; name what to ingest');
  if (request.paths.length > LIMITS.sourcesPerIngest) {
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      `${request.paths.length} paths; at most ${LIMITS.sourcesPerIngest} in one ingest`,
    );
  }
  if (request.description !== undefined) assertDescription(request.description);
  ports.globs.compile(request.options.include);
  ports.globs.compile(request.options.exclude);
  return request.into === '' ? '' : normalizeEntryPath(request.into);
}

/** Equal requests are equal ingests: sources, target and options, but not where they were typed. */
function fingerprintOf(
  ports: PipelinePorts,
  request: IngestRequest,
  sources: readonly IngestSource[],
): string {
  const { artifact, type, aliases, description, metadata, digestAlgorithm, options } = request;
  const places = sources.map(({ kind, mode, path, into }) => ({ kind, mode, path, into }));
  const digest = ports.digests.createDigest('MD5');
  digest.update(
    JSON.stringify([
      artifact,
      type,
      aliases,
      description ?? null,
      metadata ?? null,
      digestAlgorithm ?? null,
      options,
      places,
    ]),
  );
  return digestToHex(digest.digest());
}

interface Taken {
  readonly ingest: IngestRecord;
  readonly lock: AsyncDisposable;
}

async function takeUpOwn(
  ports: PipelinePorts,
  own: { entity: string; fingerprint: string },
): Promise<Taken | undefined> {
  const states: readonly IngestState[] = UNFINISHED.filter((state) => state !== 'CANCELLING');
  const [found] = await ports.catalog.listIngests({ ...own, states, limit: 1 });
  if (found === undefined) return undefined;
  await using held = new AsyncDisposableStack();
  const lock = held.use(await lockIngest(ports, found.ingestId));
  const now = await needIngest(ports, found.ingestId);
  // Else it ended between the look and the lock: this request is a new one.
  if (!states.includes(now.state)) return undefined;
  const again = await planAnew(ports, now);
  held.move();
  return { ingest: again, lock };
}

async function createNew(
  ports: PipelinePorts,
  from: { request: IngestRequest; sources: readonly IngestSource[]; fingerprint: string },
): Promise<Taken> {
  const { request, sources, fingerprint } = from;
  const ingestId = ports.random.uniqueName();
  // Locked before it is recorded, so that nobody takes it for an interrupted one.
  const lock = await lockIngest(ports, ingestId);
  const { artifact, type, aliases, description, metadata, digestAlgorithm, options } = request;
  try {
    ports.faults.reach('ingest.create');
    const spec = {
      ingestId,
      artifact,
      type,
      aliases,
      description,
      metadata,
      digestAlgorithm,
      sources,
      options,
      fingerprint,
    };
    return { lock, ingest: await ports.catalog.createIngest(spec) };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** Takes an ingest up from its sources. Its shards are forgotten; blobs and stat cache make that cheap. */
async function planAnew(ports: PipelinePorts, ingest: IngestRecord): Promise<IngestRecord> {
  const again = await refence(ports, ingest, 'PLANNING');
  await ports.catalog.resetShards(again);
  return (await ports.catalog.getIngest(again.ingestId)) ?? again;
}

/** Takes an ingest up where it stopped, or from its sources when those made it fail. */
async function takeUp(ports: PipelinePorts, ingest: IngestRecord): Promise<IngestRecord> {
  if (ingest.state !== 'FAILED') {
    return refence(ports, ingest, ingest.state === 'PLANNING' ? 'PLANNING' : 'RUNNING');
  }
  const to = goOnIn(ingest.error);
  // A finished shard is not looked at again, so what could not be read in one needs a new walk too.
  const { failed } = await ports.catalog.countNotices(ingest.ingestId);
  return to === undefined || failed > 0 ? planAnew(ports, ingest) : refence(ports, ingest, to);
}

function assertResumable({ ingestId, state }: IngestRecord): void {
  if (state !== 'CANCELLING' && UNFINISHED.includes(state)) return;
  const advice =
    state === 'CANCELLING'
      ? `run \`waybill cancel ${ingestId}\` to end it, and put anew`
      : 'there is nothing to resume';
  throw new ArtifactError('STATE_CONFLICT', `ingest ${ingestId} is ${state}; ${advice}`, {
    details: { ingestId, state },
  });
}

async function lockIngest(ports: PipelinePorts, ingestId: string): Promise<AsyncDisposable> {
  const lock = await tryLockIngest(ports, ingestId);
  if (lock === undefined) throw busy(ingestId);
  return lock;
}

async function tryLockIngest(ports: PipelinePorts, ingestId: string): Promise<AsyncDisposable | undefined> {
  const lock = await ports.locks.acquire(ingestId);
  if (lock !== undefined) return lock;
  await delay(PROBE_MS);
  return ports.locks.acquire(ingestId);
}

async function refence(
  ports: PipelinePorts,
  ingest: IngestRecord,
  to: 'PLANNING' | 'RUNNING',
): Promise<IngestRecord> {
  ports.faults.reach('ingest.refence');
  const { ingestId, state, fence } = ingest;
  const moved = await ports.catalog.moveIngest({ ingestId, fence, from: [state], to, newFence: true });
  if (moved === undefined) throw busy(ingestId);
  return moved;
}

async function finish(
  ports: PipelinePorts,
  run: { ingest: IngestRecord; startedAtMs: number },
  options: IngestRunOptions,
): Promise<IngestOutcome> {
  const { version, created, ingest: ended } = await executeIngest(ports, run.ingest, options);
  const { leftOut } = await ports.catalog.countNotices(ended.ingestId);
  return {
    version,
    created,
    ingest: ended,
    seconds: (ports.clock.nowMs() - run.startedAtMs) / 1000,
    leftOut,
  };
}

async function needIngest(ports: PipelinePorts, ingestId: string): Promise<IngestRecord> {
  const found = await ports.catalog.getIngest(ingestId);
  if (found !== undefined) return found;
  throw new ArtifactError(
    'NOT_FOUND',
    `there is no ingest "${ingestId}"; \`waybill resume\` lists those that can be resumed`,
  );
}

function busy(ingestId: string): ArtifactError {
  return new ArtifactError(
    'BUSY',
    `ingest ${ingestId} is being worked on by another process; wait for it to end`,
    {
      details: { ingestId },
    },
  );
}
