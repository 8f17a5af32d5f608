import type { VersionRecord } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import {
  allPages,
  blobsOf,
  cancel,
  commitVersion,
  digestsOf,
  EVER,
  type ManualClock,
  newIngest,
  storePack,
  type TestedCatalog,
  uniqueName,
  workingShard,
} from './catalog-fixture.ts';

/** Blobs in packs, with no ingest open any more. */
async function storedPacks(
  catalog: TestedCatalog,
  { entity, packs }: { entity: string; packs: readonly (readonly number[])[] },
): Promise<{ objectId: number; key: string }[]> {
  const work = await workingShard(catalog, entity);
  const stored: { objectId: number; key: string }[] = [];
  for (const contents of packs) stored.push(await storePack(catalog, { ...work, contents }));
  await cancel(catalog, work.ingest.ingestId);
  return stored;
}

/** One collection that finds these contents referenced. */
async function collect(
  catalog: TestedCatalog,
  { entity, referenced }: { entity: string; referenced: readonly number[] },
): Promise<{ collection: number; thresholdTick: number; blobs: number; bytes: number }> {
  const { collection, thresholdTick } = await catalog.beginCollection(entity);
  const digests = digestsOf(...referenced);
  await catalog.markReferenced({ entity, collection, algorithm: 'MD5', digests });
  const scope = { entity, collection, thresholdTick };
  const counted = await countUnreferenced(catalog, scope);
  const totals = { blobs: 0, bytes: 0 };
  for (;;) {
    const { blobs, bytes } = await catalog.condemnUnreferenced({ ...scope, limit: 3 });
    expect(blobs).toBeLessThanOrEqual(3);
    if (blobs === 0) break;
    totals.blobs += blobs;
    totals.bytes += bytes;
  }
  expect(totals).toEqual(counted);
  expect(await catalog.listUnreferenced({ ...scope, limit: 9 })).toEqual([]);
  return { collection, thresholdTick, ...totals };
}

/** Totals over all objects, listed two at a time. */
async function countUnreferenced(
  catalog: TestedCatalog,
  scope: { entity: string; collection: number; thresholdTick: number },
): Promise<{ blobs: number; bytes: number }> {
  const totals = { blobs: 0, bytes: 0 };
  for (let after = 0; ; ) {
    const page = await catalog.listUnreferenced({ ...scope, after, limit: 2 });
    for (const { unreferenced, live } of page) {
      expect(unreferenced.blobs).toBeGreaterThan(0);
      expect(unreferenced.blobs).toBeLessThanOrEqual(live.blobs);
      totals.blobs += unreferenced.blobs;
      totals.bytes += unreferenced.bytes;
    }
    const last = page.at(-1);
    if (last === undefined) return totals;
    expect(last.objectId).toBeGreaterThan(after);
    after = last.objectId;
  }
}

async function present(
  catalog: TestedCatalog,
  { entity, contents }: { entity: string; contents: readonly number[] },
): Promise<number[]> {
  const located = await catalog.locate({ entity, algorithm: 'MD5', digests: digestsOf(...contents) });
  return contents.filter((_, row) => located[row] !== undefined);
}

export function describeCollection(get: () => { catalog: TestedCatalog; clock: ManualClock }): void {
  describe('collection', () => {
    test('condemns what is not referenced, and objects left empty', async () => {
      const { catalog, clock } = get();
      const entity = uniqueName();
      const [full, half, empty] = await storedPacks(catalog, {
        entity,
        packs: [
          [1, 2],
          [3, 4, 5, 6],
          [7, 8, 9],
        ],
      });
      const contents = [1, 2, 3, 4, 5, 6, 7, 8, 9];
      const result = await collect(catalog, { entity, referenced: [1, 2, 4, 100] });
      expect(result).toMatchObject({ blobs: 6, bytes: 600 });
      expect(await present(catalog, { entity, contents })).toEqual([1, 2, 4]);
      const sparse = await catalog.listSparsePacks({ entity, liveShareBelow: 0.5, limit: 9 });
      const { objectId, key } = half ?? { objectId: 0, key: '' };
      expect(sparse).toEqual([{ objectId, key, sizeBytes: 450, liveBytes: 100, algorithm: 'MD5' }]);
      const list = (condemnedBeforeMs: number): Promise<{ key: string }[]> =>
        catalog.listCondemned({ entity, condemnedBeforeMs, limit: 9 });
      expect(await list(clock.nowMs() - 1)).toEqual([]);
      expect(await list(clock.nowMs())).toEqual([
        { objectId: empty?.objectId, key: empty?.key, sizeBytes: 350 },
      ]);
      const objects = await catalog.listObjects({ entity, limit: 9 });
      expect(objects.map((object) => object.key)).toEqual([full?.key, half?.key]);
      await catalog.dropObject(empty?.objectId ?? 0);
      await catalog.dropObject(empty?.objectId ?? 0);
      expect(await list(clock.nowMs())).toEqual([]);
      const stored = catalog.dropObject(full?.objectId ?? 0);
      await expect(stored).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    });

    test('lists in pages', async () => {
      const { catalog, clock } = get();
      const entity = uniqueName();
      const packs = Array.from({ length: 7 }, (_, n) => [n]);
      const keys = (await storedPacks(catalog, { entity, packs })).map(({ key }) => key);
      const pages = { cursor: ({ objectId }: { objectId: number }) => objectId, limit: 3 };
      const listed = await allPages((page) => catalog.listObjects({ entity, ...page }), pages);
      expect(listed.map(({ key }) => key)).toEqual(keys);
      const sparse = await allPages(
        (page) => catalog.listSparsePacks({ entity, liveShareBelow: 1, ...page }),
        pages,
      );
      expect(sparse.map(({ key }) => key)).toEqual(keys);
      await collect(catalog, { entity, referenced: [] });
      const condemnedBeforeMs = clock.nowMs();
      const condemned = await allPages(
        (page) => catalog.listCondemned({ entity, condemnedBeforeMs, ...page }),
        pages,
      );
      expect(condemned.map(({ key }) => key)).toEqual(keys);
    });

    test('keeps what an open ingest stored or was told is there', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      await storedPacks(catalog, { entity, packs: [[1], [2], [3]] });
      const open = await workingShard(catalog, entity);
      await catalog.markUsed({ entity, algorithm: 'MD5', digests: digestsOf(2) });
      await storePack(catalog, { ...open, contents: [4] });
      const during = await catalog.beginCollection(entity);
      expect(during.openIngests).toBe(1);
      expect(during.thresholdTick).toBeLessThan(during.collection);
      await collect(catalog, { entity, referenced: [3] });
      expect(await present(catalog, { entity, contents: [1, 2, 3, 4] })).toEqual([2, 3, 4]);
      await cancel(catalog, open.ingest.ingestId);
      const after = await catalog.beginCollection(entity);
      expect(after).toMatchObject({ openIngests: 0, thresholdTick: after.collection });
      await collect(catalog, { entity, referenced: [3] });
      expect(await present(catalog, { entity, contents: [1, 2, 3, 4] })).toEqual([3]);
    });

    test('keeps what an ingest stored before it was planned anew', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { ingest, shard } = await workingShard(catalog, entity);
      await storePack(catalog, { ingest, shard, contents: [1] });
      const { ingestId } = ingest;
      await catalog.createIngest(newIngest({ entity: uniqueName() }));
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'FAILED' });
      await catalog.moveIngest({ ingestId, from: ['FAILED'], to: 'PLANNING', newFence: true });
      await catalog.resetShards({ ingestId, fence: 2 });
      await collect(catalog, { entity, referenced: [] });
      expect(await present(catalog, { entity, contents: [1] })).toEqual([1]);
    });

    test('an ingest that begins during a collection is safe with what it is told', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      await storedPacks(catalog, { entity, packs: [[1], [2]] });
      const { collection, thresholdTick } = await catalog.beginCollection(entity);
      await catalog.createIngest(newIngest({ entity }));
      const digests = digestsOf(1);
      expect([...(await catalog.markUsed({ entity, algorithm: 'MD5', digests }))]).toEqual([1]);
      const scope = { entity, collection, thresholdTick, limit: 100 };
      expect(await catalog.condemnUnreferenced(scope)).toEqual({ blobs: 1, bytes: 100 });
      expect(await present(catalog, { entity, contents: [1, 2] })).toEqual([1]);
      // Condemned is missing from then on: it is stored again, in another object.
      expect([...(await catalog.markUsed({ entity, algorithm: 'MD5', digests: digestsOf(2) }))]).toEqual([0]);
    });

    test('storing what another object holds counts as a use of it', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      await storedPacks(catalog, { entity, packs: [[1], [2]] });
      const work = await workingShard(catalog, entity);
      expect((await storePack(catalog, { ...work, contents: [1, 3] })).live).toBe(1);
      await collect(catalog, { entity, referenced: [] });
      expect(await present(catalog, { entity, contents: [1, 2, 3] })).toEqual([1, 3]);
    });

    test('belongs to the one who began it, the newest counts', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      await storedPacks(catalog, { entity, packs: [[1]] });
      const first = await catalog.beginCollection(entity);
      await catalog.markReferenced({
        entity,
        collection: first.collection,
        algorithm: 'MD5',
        digests: digestsOf(1),
      });
      await catalog.beginCollection(entity);
      const stale = catalog.condemnUnreferenced({ entity, ...first, limit: 9 });
      await expect(stale).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      const foreign = catalog.listUnreferenced({
        entity,
        collection: 1,
        thresholdTick: 1_000_000_000,
        limit: 9,
      });
      await expect(foreign).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    });

    test('retains versions, and those deleted since an open ingest began', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const versions: VersionRecord[] = [];
      for (const content of ['a', 'b', 'c', 'd']) {
        versions.push((await commitVersion(catalog, { entity, content })).version);
      }
      const [a, b, c, d] = versions.map(({ versionId }) => versionId);
      await catalog.deleteVersion(a ?? 0, { deleteAliases: true });
      const open = await catalog.createIngest(newIngest({ entity }));
      await catalog.deleteVersion(b ?? 0, { deleteAliases: true });
      const retained = async (thresholdTick: number): Promise<number[]> => {
        const found = await allPages(
          (page) => catalog.listRetainedVersions({ entity, thresholdTick, ...page }),
          { cursor: ({ versionId }) => versionId, limit: 2 },
        );
        return found.map(({ versionId }) => versionId);
      };
      const during = await catalog.beginCollection(entity);
      expect(await retained(during.thresholdTick)).toEqual([b, c, d]);
      const inUse = (n: number, tick: number): Promise<boolean> =>
        catalog.manifestInUse(versions[n]?.manifest.key ?? '', tick);
      expect(await inUse(0, during.thresholdTick)).toBe(false);
      expect(await inUse(1, during.thresholdTick)).toBe(true);
      expect(await inUse(2, during.thresholdTick)).toBe(true);
      expect(await catalog.manifestInUse('none', 0)).toBe(false);
      await cancel(catalog, open.ingestId);
      const after = await catalog.beginCollection(entity);
      expect(await retained(after.thresholdTick)).toEqual([c, d]);
      expect(await inUse(1, after.thresholdTick)).toBe(false);
      // Deleted while it runs: an ingest that begins now may still rely on it.
      await catalog.deleteVersion(c ?? 0, { deleteAliases: true });
      expect(await retained(after.thresholdTick)).toEqual([c, d]);
    });
  });

  describe('rewriting packs', () => {
    test('moves live blobs to the new object and condemns the old one', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const [old] = await storedPacks(catalog, { entity, packs: [[1, 2, 3, 4]] });
      const fromObjectId = old?.objectId ?? 0;
      const { collection } = await collect(catalog, { entity, referenced: [2, 4] });
      const live = await catalog.listObjectBlobs(fromObjectId);
      expect([...live.offsets]).toEqual([100, 300]);
      const key = `${entity}/packs/new`;
      const toObjectId = await catalog.announceRewrite({ entity, key, collection });
      const blobs = { ...live, offsets: Float64Array.of(0, 100) };
      const move = { fromObjectId, toObjectId, algorithm: 'MD5', sizeBytes: 250, blobs } as const;
      await catalog.moveBlobs(move);
      const digests = digestsOf(1, 2, 3, 4);
      expect(await catalog.locate({ entity, algorithm: 'MD5', digests })).toEqual([
        undefined,
        { key, offset: 0, length: 100 },
        undefined,
        { key, offset: 100, length: 100 },
      ]);
      const condemned = await catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 9 });
      expect(condemned.map(({ objectId }) => objectId)).toEqual([fromObjectId]);
      expect(await catalog.listObjects({ entity, limit: 9 })).toEqual([
        { objectId: toObjectId, key, sizeBytes: 250, kind: 'pack', algorithm: 'MD5' },
      ]);
      expect(await catalog.listSparsePacks({ entity, liveShareBelow: 0.8, limit: 9 })).toEqual([]);
      await expect(catalog.moveBlobs(move)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    });

    test('never leaves a blob in an object that goes', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const [old] = await storedPacks(catalog, { entity, packs: [[1, 2]] });
      const { collection } = await catalog.beginCollection(entity);
      const key = `${entity}/packs/new`;
      const toObjectId = await catalog.announceRewrite({ entity, key, collection });
      const fromObjectId = old?.objectId ?? 0;
      const move = { fromObjectId, toObjectId, algorithm: 'MD5', sizeBytes: 150, blobs: blobsOf(1) } as const;
      await expect(catalog.moveBlobs(move)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      const located = await catalog.locate({ entity, algorithm: 'MD5', digests: digestsOf(1, 2) });
      expect(located.map((found) => found?.key)).toEqual([old?.key, old?.key]);
    });

    test('what an open ingest relies on stays protected in the new object', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const [old] = await storedPacks(catalog, { entity, packs: [[1, 2, 3]] });
      await collect(catalog, { entity, referenced: [1] });
      await catalog.createIngest(newIngest({ entity }));
      await catalog.markUsed({ entity, algorithm: 'MD5', digests: digestsOf(1) });
      const { collection } = await catalog.beginCollection(entity);
      const toObjectId = await catalog.announceRewrite({ entity, key: `${entity}/packs/new`, collection });
      const fromObjectId = old?.objectId ?? 0;
      const blobs = blobsOf(1);
      await catalog.moveBlobs({ fromObjectId, toObjectId, algorithm: 'MD5', sizeBytes: 150, blobs });
      await collect(catalog, { entity, referenced: [] });
      expect(await present(catalog, { entity, contents: [1] })).toEqual([1]);
    });

    test('of blobs that died meanwhile leaves neither object', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const [old] = await storedPacks(catalog, { entity, packs: [[1, 2]] });
      const { collection } = await collect(catalog, { entity, referenced: [] });
      const key = `${entity}/packs/new`;
      const toObjectId = await catalog.announceRewrite({ entity, key, collection });
      const fromObjectId = old?.objectId ?? 0;
      const blobs = blobsOf(1, 2);
      await catalog.moveBlobs({ fromObjectId, toObjectId, algorithm: 'MD5', sizeBytes: 250, blobs });
      const condemned = await catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 9 });
      expect(condemned.map(({ objectId }) => objectId)).toEqual([fromObjectId, toObjectId]);
    });

    test('one that was given up moves nothing', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const [old] = await storedPacks(catalog, { entity, packs: [[1]] });
      const { collection } = await catalog.beginCollection(entity);
      const key = `${entity}/packs/new`;
      const toObjectId = await catalog.announceRewrite({ entity, key, collection });
      await catalog.beginCollection(entity);
      await catalog.condemnAbandoned(entity);
      const fromObjectId = old?.objectId ?? 0;
      const move = { fromObjectId, toObjectId, algorithm: 'MD5', sizeBytes: 150, blobs: blobsOf(1) } as const;
      await expect(catalog.moveBlobs(move)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      expect(await present(catalog, { entity, contents: [1] })).toEqual([1]);
    });
  });

  describe('repair', () => {
    test('drops blobs whose bytes are gone, and condemns what is left empty', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const [one] = await storedPacks(catalog, {
        entity,
        packs: [
          [1, 2],
          [3, 4],
        ],
      });
      const digests = digestsOf(1, 2, 3, 77);
      expect(await catalog.dropBlobs({ entity, algorithm: 'MD5', digests })).toBe(3);
      expect(await present(catalog, { entity, contents: [1, 2, 3, 4] })).toEqual([4]);
      const condemned = await catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 9 });
      expect(condemned.map(({ objectId }) => objectId)).toEqual([one?.objectId]);
    });

    test('drops what lies in one object, and leaves what lies elsewhere', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const [one] = await storedPacks(catalog, { entity, packs: [[1, 2], [3]] });
      const batch = { entity, algorithm: 'MD5', digests: digestsOf(1, 3) } as const;
      expect(await catalog.dropBlobs({ ...batch, objectId: one?.objectId ?? 0 })).toBe(1);
      expect(await present(catalog, { entity, contents: [1, 2, 3] })).toEqual([2, 3]);
    });

    test('an emptied index is filled again from the objects in the store', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const other = uniqueName();
      const [pack] = await storedPacks(catalog, { entity, packs: [[1, 2]] });
      await storedPacks(catalog, { entity: other, packs: [[1]] });
      await catalog.resetIndex(entity);
      expect(await present(catalog, { entity, contents: [1, 2] })).toEqual([]);
      expect(await catalog.listObjects({ entity, limit: 9 })).toEqual([]);
      expect(await present(catalog, { entity: other, contents: [1] })).toEqual([1]);
      const key = pack?.key ?? '';
      const found = { entity, key, kind: 'pack', algorithm: 'MD5', sizeBytes: 250 } as const;
      const objectId = await catalog.adoptObject({ ...found, blobs: blobsOf(1, 2) });
      expect(await present(catalog, { entity, contents: [1, 2] })).toEqual([1, 2]);
      expect(await catalog.listObjects({ entity, limit: 9 })).toEqual([
        { objectId, key, sizeBytes: 250, kind: 'pack', algorithm: 'MD5' },
      ]);
      const twice = catalog.adoptObject({ ...found, blobs: blobsOf(1, 2) });
      await expect(twice).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
      const copy = await catalog.adoptObject({ ...found, key: `${key}2`, blobs: blobsOf(2, 1) });
      const condemned = await catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 9 });
      expect(condemned.map((object) => object.objectId)).toEqual([copy]);
      await catalog.resetIndex(uniqueName());
    });
  });
}
