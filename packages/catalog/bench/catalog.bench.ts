import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobIndex, Catalog, IngestSpec } from '@waybill/core';
import { openPostgresCatalog, openSqliteCatalog } from '../src/index.ts';

/**
 * What the catalog costs: milliseconds in all, and of them the main thread's CPU time, which the pipeline shares.
 *
 * `node --conditions=source packages/catalog/bench/catalog.bench.ts [BLOBS] [CONNECTION-STRING]`
 */

const BLOBS = Number(process.argv[2] ?? 50_000);
const CONNECTION = process.argv[3];
const BATCH = 1_000;
const PACK = 10_000;
const DIGEST_BYTES = 16;
const clock = { nowMs: Date.now };
const algorithm = 'MD5';
const entity = 'bench';

const folder = await mkdtemp(join(tmpdir(), 'waybill-bench-'));
try {
  const path = join(folder, 'catalog.db');
  const open = (): Promise<Catalog & BlobIndex> =>
    CONNECTION === undefined
      ? openSqliteCatalog({ path, clock })
      : openPostgresCatalog({ pool: { connectionString: CONNECTION }, clock });
  await measure('open, new', async () => {
    await (await open())[Symbol.asyncDispose]();
  });
  for (let round = 0; round < 3; round++) {
    await measure('open, current, and list artifacts', async () => {
      await using catalog = await open();
      await catalog.listArtifacts({ entity, limit: 100 });
    });
  }
  await using catalog = await open();
  const owner = await workingShard(catalog);
  for (const [name, perObject] of [
    ['1,000 a pack', BATCH],
    ['10,000 a pack', PACK],
  ] as const) {
    for (let round = 0; round < 3; round++) {
      await measure(`record ${BLOBS} blobs, ${name}`, () => record(catalog, { owner, perObject }));
    }
  }
  const unknown = digestBatches(BLOBS);
  for (let round = 0; round < 3; round++) {
    await measure(`markUsed of ${BLOBS} missing`, () => ask(catalog, { batches: unknown, present: 0 }));
  }
  const known = digestBatches(BLOBS);
  await recordThese(catalog, { owner, batches: known });
  for (const round of ['current', 'after a new tick', 'current']) {
    if (round !== 'current') await workingShard(catalog);
    await measure(`markUsed of ${BLOBS} present, ${round}`, () =>
      ask(catalog, { batches: known, present: 1 }),
    );
  }
  await measure(`locate ${BLOBS}`, async () => {
    for (const digests of known) await catalog.locate({ entity, algorithm, digests });
  });
  await collect(catalog, known);
  await steps(catalog);
} finally {
  await rm(folder, { recursive: true });
}

async function measure(name: string, work: () => Promise<unknown>): Promise<void> {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1_000;
  console.log(`${name.padEnd(45)} ${ms.toFixed(1).padStart(8)} ms   CPU ${cpuMs.toFixed(1).padStart(8)} ms`);
}

interface Owner {
  readonly ingestId: string;
  readonly shardId: number;
  readonly attempt: number;
}

async function workingShard(catalog: Catalog): Promise<Owner> {
  const ingest = await catalog.createIngest(newIngest());
  const slice = { sourceIndex: 0, listKey: 'l', listSkip: 0, listCount: 1, layer: 1 };
  const [shard] = await catalog.addShards(ingest, [slice]);
  const shardId = shard?.shardId ?? 0;
  await catalog.startShard({ shardId, fence: 1 });
  return { ingestId: ingest.ingestId, shardId, attempt: 1 };
}

function newIngest(): IngestSpec {
  return {
    ingestId: randomBytes(10).toString('hex'),
    artifact: { entity, project: 'p', name: 'n' },
    type: 'dataset',
    digestAlgorithm: undefined,
    aliases: [],
    description: undefined,
    metadata: undefined,
    sources: [],
    options: {
      include: [],
      exclude: [],
      followLinks: true,
      strict: false,
      useStatCache: true,
      reuse: 'latest',
    },
    fingerprint: 'f',
  };
}

function digestBatches(count: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(count / BATCH) }, () => randomBytes(BATCH * DIGEST_BYTES));
}

async function record(
  catalog: BlobIndex,
  { owner, perObject }: { owner: Owner; perObject: number },
): Promise<void> {
  for (let done = 0; done < BLOBS; done += perObject) {
    await recordPack(catalog, { owner, digests: randomBytes(perObject * DIGEST_BYTES) });
  }
}

async function recordThese(
  catalog: BlobIndex,
  { owner, batches }: { owner: Owner; batches: readonly Uint8Array[] },
): Promise<void> {
  for (const digests of batches) await recordPack(catalog, { owner, digests });
}

async function recordPack(
  catalog: BlobIndex,
  { owner, digests }: { owner: Owner; digests: Uint8Array },
): Promise<void> {
  const count = digests.length / DIGEST_BYTES;
  const key = `${entity}/packs/${randomBytes(10).toString('hex')}`;
  const objectId = await catalog.announceObject({ entity, key, kind: 'pack', ...owner });
  const offsets = Float64Array.from({ length: count }, (_, row) => row * 4_096);
  const blobs = { digests, offsets, lengths: new Float64Array(count).fill(4_096) };
  await catalog.recordObject({ objectId, entity, algorithm, sizeBytes: count * 4_096 + 52, blobs });
}

async function ask(
  catalog: BlobIndex,
  { batches, present }: { batches: readonly Uint8Array[]; present: number },
): Promise<void> {
  for (const digests of batches) {
    const answer = await catalog.markUsed({ entity, algorithm, digests });
    if (answer.some((byte) => byte !== present)) throw new Error('the index answered wrongly');
  }
}

async function collect(catalog: Catalog & BlobIndex, referenced: readonly Uint8Array[]): Promise<void> {
  for (const { ingestId } of await catalog.listIngests({ limit: 1_000 })) {
    await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'CANCELLING' });
    await catalog.moveIngest({ ingestId, from: ['CANCELLING'], to: 'CANCELLED' });
  }
  const { collection, thresholdTick } = await catalog.beginCollection(entity);
  const scope = { entity, collection, thresholdTick };
  await measure(`markReferenced of ${BLOBS}`, async () => {
    for (const digests of referenced) await catalog.markReferenced({ ...scope, algorithm, digests });
  });
  let counted = 0;
  await measure('listUnreferenced', async () => {
    const uses = await catalog.listUnreferenced({ ...scope, limit: BLOBS });
    counted = uses.reduce((sum, { unreferenced }) => sum + unreferenced.blobs, 0);
  });
  await measure(`condemnUnreferenced of ${counted}`, async () => {
    for (let blobs = 1; blobs > 0; )
      ({ blobs } = await catalog.condemnUnreferenced({ ...scope, limit: 5_000 }));
  });
}

/** Small steps, one transaction each. */
async function steps(catalog: Catalog): Promise<void> {
  const count = 200;
  const ingest = await catalog.createIngest(newIngest());
  const { ingestId } = ingest;
  const slices = Array.from({ length: count }, (_, n) => ({
    sourceIndex: 0,
    listKey: 'l',
    listSkip: n,
    listCount: 1,
    layer: 1,
  }));
  const shards = await catalog.addShards(ingest, slices);
  await measure(`getIngest, ${count} times`, async () => {
    for (let n = 0; n < count; n++) await catalog.getIngest(ingestId);
  });
  await measure(`start and complete ${count} shards`, async () => {
    for (const { shardId } of shards) {
      await catalog.startShard({ shardId, fence: 1 });
      const stats = { files: 1, bytes: 1, filesHashed: 1, bytesHashed: 1, blobsStored: 1, bytesStored: 1 };
      await catalog.completeShard({ shardId, attempt: 1, segment: undefined, stats, notices: [] });
    }
  });
}
