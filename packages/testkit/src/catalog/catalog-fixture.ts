import { randomBytes } from 'node:crypto';
import type {
  BlobIndex,
  BlobRows,
  Catalog,
  CommitRequest,
  CommitResult,
  IngestRecord,
  IngestSpec,
  IngestStats,
  NewShard,
  SegmentRef,
  ShardRecord,
  VersionRecord,
} from '@waybill/core';
import { expect } from 'vitest';

export type TestedCatalog = Catalog & BlobIndex;

/** Wall clock that stands still until it is moved. */
export class ManualClock {
  #nowMs = 1_700_000_000_000;

  nowMs(): number {
    return this.#nowMs;
  }

  advance(milliseconds: number): void {
    this.#nowMs += milliseconds;
  }
}

/** Later than any grace period ends. */
export const EVER: number = Number.MAX_SAFE_INTEGER;

export const NO_STATS: Omit<IngestStats, 'shards' | 'shardsDone'> = {
  files: 0,
  bytes: 0,
  filesHashed: 0,
  bytesHashed: 0,
  blobsStored: 0,
  bytesStored: 0,
};

/** A name nobody else has: tests share one database and keep apart by their entities. */
export function uniqueName(prefix = 'e'): string {
  return prefix + randomBytes(10).toString('hex');
}

export function newIngest(change: Partial<IngestSpec> & { entity: string; reuse?: string }): IngestSpec {
  const { entity, reuse = 'latest', ...rest } = change;
  return {
    ingestId: uniqueName('i'),
    artifact: { entity, project: 'p', name: 'n' },
    type: 'dataset',
    digestAlgorithm: undefined,
    aliases: [],
    description: undefined,
    metadata: undefined,
    sources: [
      { kind: 'directory', mode: 'store', given: './data', path: '/srv/data', into: '' },
      { kind: 'file', mode: 'reference', given: 'file:///srv/ü\n', path: '/srv/ü\n', into: 'refs' },
    ],
    options: {
      include: ['**'],
      exclude: [],
      followLinks: true,
      strict: false,
      useStatCache: true,
      reuse: reuse === 'any' || reuse === 'never' ? reuse : 'latest',
    },
    fingerprint: uniqueName('f'),
    ...rest,
  };
}

export function newShard(change: Partial<NewShard> = {}): NewShard {
  return { sourceIndex: 0, listKey: 'e/staging/i/list-1', listSkip: 0, listCount: 10, layer: 1, ...change };
}

export function newSegment(shard: ShardRecord, change: Partial<SegmentRef> = {}): SegmentRef {
  return {
    key: `e/staging/${shard.ingestId}/segment-${shard.shardId}-${shard.attempt}`,
    layer: shard.layer,
    sourceIndex: shard.sourceIndex,
    entryCount: 1,
    sizeBytes: 100,
    firstPath: 'a',
    lastPath: 'b',
    ...change,
  };
}

/** An ingest whose segments are being merged. */
export async function finalizing(catalog: Catalog, spec: IngestSpec): Promise<IngestRecord> {
  const { ingestId } = await catalog.createIngest(spec);
  await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'RUNNING' });
  const ingest = await catalog.moveIngest({ ingestId, from: ['RUNNING'], to: 'FINALIZING' });
  expect(ingest?.state).toBe('FINALIZING');
  if (ingest === undefined) throw new Error('the ingest did not move');
  return ingest;
}

export function commitOf(ingest: IngestRecord, change: Partial<CommitRequest> = {}): CommitRequest {
  const { ingestId, fence } = ingest;
  return {
    ingestId,
    fence,
    digest: 'd'.repeat(32),
    entryCount: 3,
    sizeBytes: 30,
    placement: 'p'.repeat(32),
    manifest: {
      key: `${ingest.artifact.entity}/manifests/${ingestId}-${fence}`,
      sizeBytes: 1_000,
      footerBytes: 200,
      footerCrc32: 0xffff_ffff,
    },
    ...change,
  };
}

/** Commits a version of a content named by a short text. */
export async function commitVersion(
  catalog: Catalog,
  version: Partial<IngestSpec> & { entity: string; reuse?: string; content: string },
): Promise<{ version: VersionRecord; created: boolean; ingest: IngestRecord }> {
  const { content, ...spec } = version;
  const ingest = await finalizing(catalog, newIngest(spec));
  const result = await catalog.commitIngest(commitOf(ingest, { digest: digestText(content) }));
  if (result.kind !== 'committed') throw new Error(`the commit was ${result.kind}`);
  return { ...result, ingest };
}

export function needCommitted(result: CommitResult): Extract<CommitResult, { kind: 'committed' }> {
  if (result.kind !== 'committed') throw new Error(`the commit was ${result.kind}`);
  return result;
}

/** A logical digest for a content named by a short text. */
export function digestText(content: string): string {
  return Buffer.from(content).toString('hex').padStart(32, '0');
}

/** Raw digests of small numbers, back to back. */
export function digestsOf(...contents: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(contents.length * 16);
  const view = new DataView(bytes.buffer);
  // Spread over the whole index, as digests are.
  for (const [row, content] of contents.entries()) {
    view.setUint32(row * 16, Math.imul(content, 2_654_435_761) >>> 0);
    view.setUint32(row * 16 + 12, content);
  }
  return bytes;
}

/** Blobs of contents, each 100 bytes, back to back. */
export function blobsOf(...contents: readonly number[]): BlobRows {
  return {
    digests: digestsOf(...contents),
    offsets: Float64Array.from(contents.keys(), (row) => row * 100),
    lengths: new Float64Array(contents.length).fill(100),
  };
}

/** An open ingest with one shard being worked on. */
export async function workingShard(
  catalog: Catalog,
  entity: string,
): Promise<{ ingest: IngestRecord; shard: ShardRecord }> {
  const ingest = await catalog.createIngest(newIngest({ entity }));
  const [added] = await catalog.addShards(ingest, [newShard()]);
  const shard = await catalog.startShard({ shardId: added?.shardId ?? 0, fence: ingest.fence });
  if (shard === undefined) throw new Error('the shard did not start');
  return { ingest, shard };
}

/** A pack recorded by the shard, holding these contents. */
export async function storePack(
  catalog: TestedCatalog,
  pack: { ingest: IngestRecord; shard: ShardRecord; contents: readonly number[]; key?: string },
): Promise<{ objectId: number; key: string; live: number }> {
  const { ingest, shard, contents } = pack;
  const { entity } = ingest.artifact;
  const key = pack.key ?? `${entity}/packs/${uniqueName()}`;
  const { ingestId } = ingest;
  const { shardId, attempt } = shard;
  const objectId = await catalog.announceObject({ entity, key, kind: 'pack', ingestId, shardId, attempt });
  const sizeBytes = contents.length * 100 + 50;
  const blobs = blobsOf(...contents);
  const live = await catalog.recordObject({ objectId, entity, algorithm: 'MD5', sizeBytes, blobs });
  return { objectId, key, live };
}

/** Cancels an ingest, so that collections need not mind it. */
export async function cancel(catalog: Catalog, ingestId: string): Promise<void> {
  const from = ['PLANNING', 'RUNNING', 'FINALIZING', 'FAILED'] as const;
  await catalog.moveIngest({ ingestId, from, to: 'CANCELLING' });
  await catalog.moveIngest({ ingestId, from: ['CANCELLING'], to: 'CANCELLED' });
}

/** Every page of a listing. */
export async function allPages<T>(
  list: (page: { after?: number; limit: number }) => Promise<T[]>,
  { cursor, limit }: { cursor: (item: T) => number; limit: number },
): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const last = all.at(-1);
    const page = await list(last === undefined ? { limit } : { after: cursor(last), limit });
    expect(page.length).toBeLessThanOrEqual(limit);
    all.push(...page);
    if (page.length < limit) return all;
  }
}
