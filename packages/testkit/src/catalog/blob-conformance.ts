import { describe, expect, test } from 'vitest';
import {
  blobsOf,
  cancel,
  digestsOf,
  EVER,
  newIngest,
  newShard,
  storePack,
  type TestedCatalog,
  uniqueName,
  workingShard,
} from './catalog-fixture.ts';

export function describeBlobs(get: () => { catalog: TestedCatalog }): void {
  describe('blob index', () => {
    test('knows nothing of an unknown entity', async () => {
      const { catalog } = get();
      const batch = { entity: uniqueName(), algorithm: 'MD5', digests: digestsOf(1, 2) } as const;
      expect(await catalog.markUsed(batch)).toEqual(new Uint8Array(2));
      expect(await catalog.locate(batch)).toEqual([undefined, undefined]);
      expect(await catalog.markUsed({ ...batch, digests: new Uint8Array() })).toEqual(new Uint8Array());
    });

    test('an announced object has no blobs until it is recorded', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { ingest, shard } = await workingShard(catalog, entity);
      const key = `${entity}/packs/one`;
      const { ingestId } = ingest;
      const announced = { entity, key, kind: 'pack', ingestId, shardId: shard.shardId, attempt: 1 } as const;
      const objectId = await catalog.announceObject(announced);
      const batch = { entity, algorithm: 'MD5', digests: digestsOf(7, 1, 7, 9, 2) } as const;
      expect([...(await catalog.markUsed(batch))]).toEqual([0, 0, 0, 0, 0]);
      const stored = { objectId, entity, algorithm: 'MD5', sizeBytes: 350, blobs: blobsOf(1, 2, 7) } as const;
      expect(await catalog.recordObject(stored)).toBe(3);
      expect([...(await catalog.markUsed(batch))]).toEqual([1, 1, 1, 0, 1]);
      expect(await catalog.locate(batch)).toEqual([
        { key, offset: 200, length: 100 },
        { key, offset: 0, length: 100 },
        { key, offset: 200, length: 100 },
        undefined,
        { key, offset: 100, length: 100 },
      ]);
      await expect(catalog.recordObject(stored)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await expect(catalog.forgetObject(objectId)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await expect(catalog.announceObject(announced)).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
    });

    test('keeps entities and algorithms apart', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      await storePack(catalog, { ...(await workingShard(catalog, entity)), contents: [1] });
      const digests = digestsOf(1);
      const other = (await workingShard(catalog, uniqueName())).ingest.artifact.entity;
      expect([...(await catalog.markUsed({ entity, algorithm: 'MD5', digests }))]).toEqual([1]);
      expect([...(await catalog.markUsed({ entity, algorithm: 'XXH128', digests }))]).toEqual([0]);
      expect([...(await catalog.markUsed({ entity: other, algorithm: 'MD5', digests }))]).toEqual([0]);
    });

    test('a blob keeps its place when another object brings it too', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const work = await workingShard(catalog, entity);
      const first = await storePack(catalog, { ...work, contents: [1, 2] });
      const second = await storePack(catalog, { ...work, contents: [2, 3, 4] });
      expect([first.live, second.live]).toEqual([2, 2]);
      const located = await catalog.locate({ entity, algorithm: 'MD5', digests: digestsOf(2, 3) });
      expect(located.map((found) => found?.key)).toEqual([first.key, second.key]);
      const blobs = await catalog.listObjectBlobs(second.objectId);
      expect([...blobs.offsets]).toEqual([100, 200]);
      expect([...blobs.lengths]).toEqual([100, 100]);
      expect(Buffer.from(blobs.digests)).toEqual(Buffer.from(digestsOf(3, 4)));
    });

    test('an object that brings nothing new is condemned at once', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const work = await workingShard(catalog, entity);
      await storePack(catalog, { ...work, contents: [1, 2] });
      const { key, live } = await storePack(catalog, { ...work, contents: [2, 1] });
      expect(live).toBe(0);
      const condemned = await catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 9 });
      expect(condemned.map((object) => object.key)).toEqual([key]);
    });

    test('takes the same content twice in one object', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const work = await workingShard(catalog, entity);
      const { live, objectId } = await storePack(catalog, { ...work, contents: [5, 6, 5, 5] });
      expect(live).toBe(2);
      expect((await catalog.listObjectBlobs(objectId)).offsets.length).toBe(2);
      expect(await catalog.listSparsePacks({ entity, liveShareBelow: 0.445, limit: 9 })).toHaveLength(1);
      expect(await catalog.listSparsePacks({ entity, liveShareBelow: 0.444, limit: 9 })).toHaveLength(0);
    });

    test('offsets and lengths of any size come back exactly', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { ingest, shard } = await workingShard(catalog, entity);
      const { ingestId } = ingest;
      const key = `${entity}/blobs/md5/00/x`;
      const owner = { ingestId, shardId: shard.shardId, attempt: 1 };
      const objectId = await catalog.announceObject({ entity, key, kind: 'blob', ...owner });
      const offsets = Float64Array.of(0, 0, 2 ** 31, 2 ** 45 + 1, 2 ** 52);
      const lengths = Float64Array.of(0, 2 ** 32, 1, 9_999_999_999, 2 ** 52 - 1);
      const digests = digestsOf(1, 2, 3, 4, 5);
      const sizeBytes = 2 ** 53 - 1;
      const blobs = { digests, offsets, lengths };
      await catalog.recordObject({ objectId, entity, algorithm: 'MD5', sizeBytes, blobs });
      const located = await catalog.locate({ entity, algorithm: 'MD5', digests });
      expect(located.map((found) => [found?.offset, found?.length])).toEqual(
        [...offsets].map((offset, row) => [offset, lengths[row]]),
      );
      expect(await catalog.listObjects({ entity, limit: 1 })).toEqual([
        { objectId, key, sizeBytes, kind: 'blob', algorithm: 'MD5' },
      ]);
    });

    test('an object without blobs leaves nothing behind', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { live } = await storePack(catalog, { ...(await workingShard(catalog, entity)), contents: [] });
      expect(live).toBe(0);
      expect(await catalog.listObjects({ entity, limit: 9 })).toEqual([]);
    });

    test('is written in chunks when an object holds very many', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const work = await workingShard(catalog, entity);
      const contents = Array.from({ length: 25_003 }, (_, n) => n);
      await storePack(catalog, { ...work, contents: [20_000, 3] });
      const { live, objectId } = await storePack(catalog, { ...work, contents });
      expect(live).toBe(25_001);
      const blobs = await catalog.listObjectBlobs(objectId);
      expect(blobs.offsets.length).toBe(25_001);
      expect(blobs.offsets.every((offset, row) => row === 0 || offset > (blobs.offsets[row - 1] ?? 0))).toBe(
        true,
      );
      const present = await catalog.markUsed({ entity, algorithm: 'MD5', digests: digestsOf(...contents) });
      expect(present.every((byte) => byte === 1)).toBe(true);
    });

    test('a forgotten object may not be recorded any more', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { ingest, shard } = await workingShard(catalog, entity);
      const key = `${entity}/packs/gone`;
      const owner = { ingestId: ingest.ingestId, shardId: shard.shardId, attempt: 1 };
      const objectId = await catalog.announceObject({ entity, key, kind: 'pack', ...owner });
      const keys = [key, `${entity}/packs/never`];
      expect(await catalog.unknownObjects({ entity, keys })).toEqual(keys.slice(1));
      await catalog.forgetObject(objectId);
      await catalog.forgetObject(objectId);
      expect(await catalog.unknownObjects({ entity, keys })).toEqual(keys);
      const record = catalog.recordObject({
        objectId,
        entity,
        algorithm: 'MD5',
        sizeBytes: 1,
        blobs: blobsOf(1),
      });
      await expect(record).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      expect([...(await catalog.markUsed({ entity, algorithm: 'MD5', digests: digestsOf(1) }))]).toEqual([0]);
    });
  });

  describe('abandoned objects', () => {
    const announceFor = async (
      catalog: TestedCatalog,
      work: Awaited<ReturnType<typeof workingShard>>,
    ): Promise<string> => {
      const { entity } = work.ingest.artifact;
      const key = `${entity}/packs/${uniqueName()}`;
      const owner = { ingestId: work.ingest.ingestId, shardId: work.shard.shardId, attempt: 1 };
      await catalog.announceObject({ entity, key, kind: 'pack', ...owner });
      return key;
    };
    const condemned = async (catalog: TestedCatalog, entity: string): Promise<string[]> => {
      const found = await catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 99 });
      return found.map(({ key }) => key);
    };

    test('those of a running attempt stay, whatever open state their ingest is in', async () => {
      const { catalog } = get();
      const work = await workingShard(catalog, uniqueName());
      const { ingestId, artifact } = work.ingest;
      await announceFor(catalog, work);
      expect(await catalog.condemnAbandoned(artifact.entity)).toBe(0);
      expect(await catalog.countAbandoned(artifact.entity)).toEqual({ objects: 0, bytes: 0 });
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'FAILED' });
      expect(await catalog.condemnAbandoned(artifact.entity)).toBe(0);
      await catalog.moveIngest({ ingestId, from: ['FAILED'], to: 'CANCELLING' });
      expect(await catalog.condemnAbandoned(artifact.entity)).toBe(0);
      await catalog.moveIngest({ ingestId, from: ['CANCELLING'], to: 'CANCELLED' });
      expect(await catalog.countAbandoned(artifact.entity)).toEqual({ objects: 1, bytes: 0 });
      expect(await catalog.condemnAbandoned(artifact.entity)).toBe(1);
      expect(await catalog.condemnAbandoned(artifact.entity)).toBe(0);
      expect(await catalog.countAbandoned(artifact.entity)).toEqual({ objects: 0, bytes: 0 });
    });

    test('a replaced attempt, a forgotten shard and an unknown ingest leave theirs', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const work = await workingShard(catalog, entity);
      const replaced = await announceFor(catalog, work);
      await catalog.startShard({ shardId: work.shard.shardId, fence: 1 });
      expect(await catalog.condemnAbandoned(entity)).toBe(1);
      expect(await condemned(catalog, entity)).toEqual([replaced]);
      const planned = await workingShard(catalog, entity);
      const forgotten = await announceFor(catalog, planned);
      await catalog.resetShards(planned.ingest);
      const unknown = `${entity}/packs/unknown`;
      const owner = { ingestId: 'none', shardId: 1, attempt: 1 };
      await catalog.announceObject({ entity, key: unknown, kind: 'pack', ...owner });
      expect(await catalog.condemnAbandoned(entity)).toBe(2);
      expect(await condemned(catalog, entity)).toEqual([replaced, forgotten, unknown]);
    });

    test('an object condemned as abandoned cannot be recorded', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const work = await workingShard(catalog, entity);
      const key = `${entity}/packs/late`;
      const owner = { ingestId: work.ingest.ingestId, shardId: work.shard.shardId, attempt: 1 };
      const objectId = await catalog.announceObject({ entity, key, kind: 'pack', ...owner });
      await cancel(catalog, work.ingest.ingestId);
      await catalog.condemnAbandoned(entity);
      const record = catalog.recordObject({
        objectId,
        entity,
        algorithm: 'MD5',
        sizeBytes: 1,
        blobs: blobsOf(1),
      });
      await expect(record).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      // A condemned object whose bytes never appeared may be forgotten.
      await catalog.forgetObject(objectId);
      expect(await condemned(catalog, entity)).toEqual([]);
    });

    test('a rewrite is given up when a later collection begins', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { collection } = await catalog.beginCollection(entity);
      const key = `${entity}/packs/rewrite`;
      await catalog.announceRewrite({ entity, key, collection });
      expect(await catalog.condemnAbandoned(entity)).toBe(0);
      await catalog.beginCollection(entity);
      expect(await catalog.condemnAbandoned(entity)).toBe(1);
      expect(await condemned(catalog, entity)).toEqual([key]);
    });

    test('entities are listed, and keep apart', async () => {
      const { catalog } = get();
      const one = await workingShard(catalog, uniqueName());
      const two = await workingShard(catalog, uniqueName());
      await announceFor(catalog, one);
      await cancel(catalog, one.ingest.ingestId);
      expect(await catalog.condemnAbandoned(two.ingest.artifact.entity)).toBe(0);
      const entities = await catalog.listEntities();
      expect(entities).toEqual(expect.arrayContaining([one, two].map((work) => work.ingest.artifact.entity)));
      const fresh = uniqueName();
      expect(await catalog.condemnAbandoned(fresh)).toBe(0);
      expect(entities).not.toContain(fresh);
      await catalog.createIngest(newIngest({ entity: fresh }));
      expect(await catalog.listEntities()).toContain(fresh);
      await catalog.addShards({ ingestId: two.ingest.ingestId, fence: 1 }, [newShard()]);
    });
  });
}
