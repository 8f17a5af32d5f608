import {
  ArtifactError,
  type CommitResult,
  digestToHex,
  type Entry,
  type IngestRecord,
  MANIFEST_PREIMAGE_HEADER,
  type ManifestRef,
  manifestPreimageLines,
  type NoticeRecord,
  quotePath,
  type SegmentRef,
  storeKeys,
  throwIfCancelled,
  type VersionRecord,
} from '@waybill/core';
import type { IngestContext } from './ingest-context.ts';
import { PlacementDigest } from './placement-digest.ts';

const NOTICES_IN_MESSAGE = 20;
const NOTICES_IN_DETAILS = 100_000;

/** What one pass over the merged entries gives. */
interface Totals {
  readonly digest: string;
  readonly entryCount: number;
  readonly sizeBytes: number;
  readonly placement: string;
}

/**
 * Merges the segments into the logical digest and the manifest, and commits. Fails the ingest, with the whole list,
 * when something could not be read. When nothing new was stored and the totals equal those of `latest`, a first
 * pass takes the digest alone: equal content then costs no manifest.
 */
export async function finalizeIngest(
  context: IngestContext,
): Promise<{ version: VersionRecord; created: boolean }> {
  const { ports, ingest, signal } = context;
  await refuseFailures(context);
  ports.faults.reach('finalize.start');
  const { ingestId, fence } = ingest;
  const now = await ports.catalog.moveIngest(
    { ingestId, fence, from: ['RUNNING'], to: 'FINALIZING' },
    { signal },
  );
  if (now === undefined) throw await lostIngest(context);
  context.progress.enter('FINALIZING');
  const latest = await ports.catalog.findVersion({ ...ingest.artifact, alias: 'latest' }, { signal });
  if (latest !== undefined && looksEqual(now, latest)) {
    const totals = await digestOnly(context);
    const result = await commit(context, totals, undefined);
    if (result.kind === 'committed') return result;
    if (result.kind === 'lost') throw await lostIngest(context);
  }
  return writeAndCommit(context);
}

/**
 * Removes what an ended ingest staged. Never fails, since that ingest has ended well or was given up: what stays here,
 * gc sweeps by the ingest's state.
 */
export async function sweepStaging(context: Pick<IngestContext, 'ports' | 'ingest'>): Promise<void> {
  await removeStaged(context).catch(() => undefined);
}

async function removeStaged({ ports, ingest }: Pick<IngestContext, 'ports' | 'ingest'>): Promise<void> {
  for await (const { key } of ports.store.list(storeKeys.staging(ingest.artifact.entity, ingest.ingestId))) {
    ports.faults.reach('finalize.staging.remove');
    await ports.store.remove(key);
  }
}

async function writeAndCommit(context: IngestContext): Promise<{ version: VersionRecord; created: boolean }> {
  const { ports, ingest, signal } = context;
  const key = storeKeys.manifest(ingest.artifact.entity, ingest);
  const digest = new LogicalDigest(context);
  const encoding = ports.manifests.encodeManifest(digest.through(mergedEntries(context)), { signal });
  ports.faults.reach('finalize.manifest.write');
  await ports.store.writeObject(key, encoding.chunks, { signal });
  const result = await commit(context, digest.totals(), { key, ...encoding.finish() });
  if (result.kind === 'committed' && result.created) return result;
  ports.faults.reach('finalize.manifest.remove');
  // Nothing names it, so gc takes it when this cannot; how the commit ended stays as it is.
  await ports.store.remove(key).catch(() => undefined);
  if (result.kind === 'committed') return result;
  throw await lostIngest(context);
}

async function commit(
  context: IngestContext,
  totals: Totals,
  manifest: ManifestRef | undefined,
): Promise<CommitResult> {
  const { ports, ingest, signal } = context;
  throwIfCancelled(signal);
  ports.faults.reach('finalize.commit');
  const result = await ports.catalog.commitIngest({
    ingestId: ingest.ingestId,
    fence: ingest.fence,
    ...totals,
    manifest,
  });
  ports.faults.reach('finalize.committed');
  return result;
}

function looksEqual(ingest: IngestRecord, latest: VersionRecord): boolean {
  return (
    ingest.options.reuse !== 'never' &&
    ingest.stats.blobsStored === 0 &&
    latest.digestAlgorithm === ingest.digestAlgorithm &&
    latest.entryCount === ingest.stats.files &&
    latest.sizeBytes === ingest.stats.bytes
  );
}

async function digestOnly(context: IngestContext): Promise<Totals> {
  const digest = new LogicalDigest(context);
  for await (const _ of digest.through(mergedEntries(context))) throwIfCancelled(context.signal);
  return digest.totals();
}

function mergedEntries(context: IngestContext): AsyncIterable<readonly Entry[]> {
  const { ports, ingest, signal } = context;
  return ports.segments.merge(
    {
      segments: ports.catalog.listSegments(ingest.ingestId, { signal }),
      sourceNames: ingest.sources.map(({ given }) => given),
      scratchFolder: ports.scratchFolder,
      openSegment: (segment: SegmentRef) => ({
        name: segment.key,
        sizeBytes: segment.sizeBytes,
        readRange: (range, options) => ports.store.readRange(segment.key, range, options),
      }),
    },
    { signal },
  );
}

/** Digest and totals of the entries that pass through. */
class LogicalDigest {
  readonly #digest;
  readonly #placement: PlacementDigest;
  #entryCount = 0;
  #sizeBytes = 0;

  constructor({ ports, ingest }: IngestContext) {
    this.#digest = ports.digests.createDigest(ingest.digestAlgorithm);
    this.#digest.update(MANIFEST_PREIMAGE_HEADER);
    this.#placement = new PlacementDigest(ports.digests);
  }

  async *through(blocks: AsyncIterable<readonly Entry[]>): AsyncGenerator<readonly Entry[]> {
    for await (const block of blocks) {
      this.#digest.update(manifestPreimageLines(block));
      this.#placement.add(block);
      this.#entryCount += block.length;
      for (const entry of block) this.#sizeBytes += entry.sizeBytes ?? 0;
      yield block;
    }
  }

  totals(): Totals {
    const digest = digestToHex(this.#digest.digest());
    const placement = this.#placement.hex();
    return { digest, entryCount: this.#entryCount, sizeBytes: this.#sizeBytes, placement };
  }
}

/** Everything that failed is reported at once; with `strict`, what was left out too. */
async function refuseFailures(context: IngestContext): Promise<void> {
  const { ports, ingest } = context;
  const counts = await ports.catalog.countNotices(ingest.ingestId);
  if (counts.failed > 0) {
    const notices = await listNotices(context, 'failed');
    throw noticesError(context, { severity: 'failed', count: counts.failed, notices });
  }
  if (ingest.options.strict) await refuseLeftOut(context, counts.leftOut);
  if (ingest.options.include.length > 0) await refuseNothing(context);
}

/** Waybill's own folders are left out always, so they are no reason to fail. */
async function refuseLeftOut(context: IngestContext, count: number): Promise<void> {
  if (count === 0) return;
  const found = await listNotices(context, 'left-out');
  const notices = found.filter(({ reason }) => reason !== 'own-store');
  if (notices.length === 0) return;
  throw noticesError(context, {
    severity: 'left-out',
    count: count - found.length + notices.length,
    notices,
  });
}

/** A folder may be empty, but patterns that select nothing are a mistake: `latest` would lose all it had. */
async function refuseNothing({ ports, ingest }: IngestContext): Promise<void> {
  const { sources, options, ingestId } = ingest;
  const now = await ports.catalog.getIngest(ingestId);
  if (now === undefined || now.stats.files > 0) return;
  const patterns = options.include.map((pattern) => quotePath(pattern)).join(', ');
  const places = sources.map(({ path }) => quotePath(path)).join(', ');
  throw new ArtifactError(
    'SOURCE_NOT_FOUND',
    `no file in ${places} matches --include ${patterns}; patterns are matched against paths below that folder, so check them. Nothing was committed`,
    { details: { ingestId, include: options.include, paths: sources.map(({ path }) => path) } },
  );
}

function listNotices(
  { ports, ingest }: IngestContext,
  severity: NoticeRecord['severity'],
): Promise<NoticeRecord[]> {
  const page = { ingestId: ingest.ingestId, severity, limit: NOTICES_IN_DETAILS };
  return ports.catalog.listNotices(page);
}

function noticesError(
  { ingest }: IngestContext,
  of: { severity: 'failed' | 'left-out'; count: number; notices: readonly NoticeRecord[] },
): ArtifactError {
  const { notices } = of;
  const lines = notices.slice(0, NOTICES_IN_MESSAGE).map((notice) => `\n  ${describeNotice(notice)}`);
  if (of.count > lines.length) lines.push(`\n  and ${of.count - lines.length} more; ${listedBy(of.count)}`);
  const code = of.severity === 'failed' ? failureCode(notices) : 'SOURCE_LEFT_OUT';
  const what = of.severity === 'failed' ? 'could not be read' : 'would be left out (--strict)';
  const message = `${of.count} path${of.count === 1 ? '' : 's'} ${what}; nothing was committed:${lines.join('')}`;
  const problems = notices.map(({ path, reason, message: text }) => ({ path, reason, message: text }));
  return new ArtifactError(code, message, {
    details: { ingestId: ingest.ingestId, count: of.count, problems },
  });
}

function listedBy(count: number): string {
  return count > NOTICES_IN_DETAILS ? `--json lists ${NOTICES_IN_DETAILS} of them` : '--json lists them';
}

function failureCode(notices: readonly NoticeRecord[]): 'SOURCE_CHANGED' | 'SOURCE_UNREADABLE' {
  return notices.every(({ reason }) => reason === 'changed' || reason === 'vanished')
    ? 'SOURCE_CHANGED'
    : 'SOURCE_UNREADABLE';
}

function describeNotice(notice: NoticeRecord): string {
  const path = quotePath(notice.path);
  return notice.message.includes(notice.path) || notice.message.includes(path)
    ? notice.message
    : `${path}: ${notice.message}`;
}

/** Why a compare-and-set of the ingest failed: it was cancelled, or another process works on it. */
export async function lostIngest({
  ports,
  ingest,
}: Pick<IngestContext, 'ports' | 'ingest'>): Promise<ArtifactError> {
  const { ingestId } = ingest;
  const state = (await ports.catalog.getIngestState(ingestId))?.state;
  const details = { ingestId, state };
  if (state === 'CANCELLING' || state === 'CANCELLED') {
    return new ArtifactError('CANCELLED', `ingest ${ingestId} was cancelled`, { details });
  }
  return new ArtifactError(
    'STATE_CONFLICT',
    `another process took over ingest ${ingestId} (${state ?? 'gone'}); run \`waybill resume\` to see whether it is worked on`,
    { details },
  );
}
