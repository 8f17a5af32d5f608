import { ArtifactError, storeKeys } from '@waybill/core';
import { collectGarbage } from '@waybill/operations';
import { describe, expect, test } from 'vitest';
import { expectClean, isStored, NOW, orphanKeys } from './collection-checks.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import { Killed } from './memory-store.ts';
import { bytesOf, ENTITY, errorOf, MemoryIngest, put, type Tree, treeOf } from './memory-world.ts';

/** A world with a bit of everything to collect; answers the versions that must live. */
async function litter(ports: MemoryPorts): Promise<Map<number, Tree>> {
  const versions = new Map<number, Tree>();
  const add = async (tree: Tree) => {
    const version = await put(ports, tree, { packBlobs: 6 });
    versions.set(version.versionId, tree);
    return version;
  };
  const doomed = await add(
    treeOf({ a: '1', b: '2', c: '3', d: '4'.repeat(200), e: 'kept', big: '5'.repeat(600) }),
  );
  await add(treeOf({ e: 'kept', x: 'own' }));
  const second = await add(treeOf({ y: '7'.repeat(600) }));
  await ports.catalog.deleteVersion(doomed.versionId, { deleteAliases: true });
  await ports.catalog.deleteVersion(second.versionId, { deleteAliases: true });
  const cancelled = new MemoryIngest(ports);
  await cancelled.stage();
  await cancelled.store([bytesOf('of a cancelled ingest')]);
  const key = storeKeys.pack(ENTITY, ports.random.uniqueName());
  await ports.memory.catalog.announceObject({
    entity: ENTITY,
    key,
    kind: 'pack',
    ingestId: cancelled.ingestId,
  });
  await ports.store.writeObject(key, [bytesOf('half a pack')]);
  ports.memory.catalog.setIngestState(cancelled.ingestId, 'CANCELLED');
  return versions;
}

describe('collectGarbage', () => {
  test('removes what nothing needs and says so', async () => {
    const ports = createMemoryPorts();
    const versions = await litter(ports);
    const dry = await collectGarbage(ports, { ...NOW, dryRun: true });
    expect(orphanKeys(ports).length).toBeGreaterThan(3);
    const [report] = await collectGarbage(ports, NOW);
    expectClean(ports, versions);
    expect(report).toMatchObject({
      entity: ENTITY,
      versionsKept: 1,
      blobsCondemned: 7,
      objectsAbandoned: 1,
      packsRewritten: 1,
      objectsRemoved: 5,
      objectsInGrace: 0,
      manifestsRemoved: 2,
      stagingRemoved: 1,
      openIngests: 0,
      advice: '',
    });
    expect(dry).toMatchObject([
      {
        versionsKept: 1,
        blobsCondemned: 7,
        bytesCondemned: report?.bytesCondemned,
        manifestsRemoved: 2,
        stagingRemoved: 1,
      },
    ]);
    const [again] = await collectGarbage(ports, NOW);
    expect(again).toMatchObject({
      blobsCondemned: 0,
      objectsRemoved: 0,
      packsRewritten: 0,
      manifestsRemoved: 0,
    });
  });

  test('killed at any place, the next one ends the same', async () => {
    const undisturbed = createMemoryPorts();
    await litter(undisturbed);
    await collectGarbage(undisturbed, NOW);
    const places = undisturbed.memory.reached.length;
    expect(new Set(undisturbed.memory.reached)).toEqual(
      new Set([
        'gc.begin',
        'gc.mark',
        'gc.sweep.manifest',
        'gc.sweep.staging',
        'gc.condemn',
        'gc.abandon',
        'gc.rewrite.announce',
        'gc.rewrite.write',
        'gc.rewrite.move',
        'gc.remove.bytes',
        'gc.remove.row',
      ]),
    );
    for (let place = 0; place < places; place++) {
      const ports = createMemoryPorts();
      const versions = await litter(ports);
      ports.memory.killAfter(place);
      await expect(collectGarbage(ports, NOW)).rejects.toThrow(Killed);
      ports.memory.killAfter(Number.POSITIVE_INFINITY);
      await collectGarbage(ports, NOW);
      expectClean(ports, versions);
    }
  });

  test('bytes stay for the grace period, but count as missing at once', async () => {
    const ports = createMemoryPorts();
    const version = await put(ports, treeOf({ a: 'content' }));
    await ports.catalog.deleteVersion(version.versionId, { deleteAliases: true });
    const request = { dryRun: false, graceMs: 1_000 };
    const [first] = await collectGarbage(ports, request);
    expect(first).toMatchObject({ blobsCondemned: 1, objectsRemoved: 0, objectsInGrace: 1 });
    expect(first?.bytesInGrace).toBeGreaterThan(7);
    expect(isStored(ports, bytesOf('content'))).toBe(false);
    ports.memory.catalog.nowMs += 999;
    expect(await collectGarbage(ports, request)).toMatchObject([{ objectsRemoved: 0 }]);
    ports.memory.catalog.nowMs += 2;
    expect(await collectGarbage(ports, request)).toMatchObject([{ objectsRemoved: 1, objectsInGrace: 0 }]);
    expect(ports.memory.store.objects.size).toBe(0);
  });

  test('what an open ingest may rely on stays, and the report says how to end it', async () => {
    const ports = createMemoryPorts();
    const first = await put(ports, treeOf({ a: 'shared', b: 'unshared' }), { packBlobs: 1 });
    const open = new MemoryIngest(ports);
    await open.stage();
    await open.store([bytesOf('shared'), bytesOf('new')]);
    await ports.catalog.deleteVersion(first.versionId, { deleteAliases: true });
    const [report] = await collectGarbage(ports, NOW);
    expect(report).toMatchObject({
      openIngests: 1,
      stagingRemoved: 0,
      blobsCondemned: 0,
      manifestsRemoved: 0,
    });
    expect(report?.advice).toContain('waybill cancel');
    const version = await open.commit(treeOf({ a: 'shared', n: 'new' }));
    const versions = new Map([[version.versionId, treeOf({ a: 'shared', n: 'new' })]]);
    await collectGarbage(ports, NOW);
    expectClean(ports, versions);
  });

  test('nothing is touched when a manifest cannot be read', async () => {
    const ports = createMemoryPorts();
    const version = await put(ports, treeOf({ a: 'one' }));
    const doomed = await put(ports, treeOf({ b: 'two' }));
    await ports.catalog.deleteVersion(doomed.versionId, { deleteAliases: true });
    const before = new Map(ports.memory.store.objects);
    ports.memory.store.objects.delete(version.manifest.key);
    const error = await errorOf(() => collectGarbage(ports, NOW));
    expect(error.code).toBe('MISSING_BLOB');
    expect(error.message).toContain('team/project/data:v0');
    expect(error.message).toContain('put the version again with `put --force` and delete this one');
    ports.memory.store.objects.set(
      version.manifest.key,
      before.get(version.manifest.key) ?? new Uint8Array(),
    );
    ports.memory.store.damage(version.manifest.key, 3);
    expect((await errorOf(() => collectGarbage(ports, NOW))).code).toBe('CORRUPT');
    expect(ports.memory.store.objects.size).toBe(before.size);
    expect(ports.memory.catalog.blobs.size).toBe(2);
  });

  test('a version that was deleted and collected since it was listed is passed over', async () => {
    const ports = createMemoryPorts();
    const doomed = await put(ports, treeOf({ a: 'one' }));
    const kept = treeOf({ b: 'two' });
    const version = await put(ports, kept);
    const { catalog, store } = ports.memory;
    const listRetained = catalog.listRetainedVersions.bind(catalog);
    catalog.listRetainedVersions = async (scope) => {
      const versions = await listRetained(scope);
      await catalog.deleteVersion(doomed.versionId, { deleteAliases: true });
      await store.remove(doomed.manifest.key);
      return versions;
    };
    expect(await collectGarbage(ports, NOW)).toMatchObject([{ versionsKept: 1 }]);
    catalog.listRetainedVersions = listRetained;
    await collectGarbage(ports, NOW);
    expectClean(ports, new Map([[version.versionId, kept]]));
  });

  test('an orphan whose bytes go while it is taken in is not counted on', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'one' }));
    await ports.catalog.resetIndex(ENTITY);
    const { catalog, store } = ports.memory;
    const adopt = catalog.adoptObject.bind(catalog);
    catalog.adoptObject = async (object) => {
      await store.remove(object.key);
      return adopt(object);
    };
    await collectGarbage(ports, NOW);
    expect(isStored(ports, bytesOf('one'))).toBe(false);
    expect(catalog.blobs.size).toBe(0);
  });

  test('a mostly dead pack with a damaged blob is left alone and named', async () => {
    const ports = createMemoryPorts();
    const doomed = await put(ports, treeOf({ a: '1'.repeat(200), b: 'kept' }));
    await put(ports, treeOf({ b: 'kept' }));
    await ports.catalog.deleteVersion(doomed.versionId, { deleteAliases: true });
    const key = [...ports.memory.store.objects.keys()].find((each) => each.includes('/packs/')) ?? '';
    ports.memory.store.damage(key, 201);
    const [report] = await collectGarbage(ports, NOW);
    expect(report).toMatchObject({ packsRewritten: 0, packsDamaged: [key] });
    expect(ports.memory.store.objects.has(key)).toBe(true);
    expect([...ports.memory.catalog.objects.values()].map((object) => object.key)).toEqual([key]);
  });

  test('an empty blob is rewritten beside its neighbour', async () => {
    const ports = createMemoryPorts();
    const kept = treeOf({ empty: '', z: 'z'.repeat(200) });
    const doomed = await put(ports, new Map([...treeOf({ a: '1'.repeat(500) }), ...kept]), { packBlobs: 3 });
    const version = await put(ports, kept);
    await ports.catalog.deleteVersion(doomed.versionId, { deleteAliases: true });
    expect(await collectGarbage(ports, NOW)).toMatchObject([{ packsRewritten: 1, packsDamaged: [] }]);
    expectClean(ports, new Map([[version.versionId, kept]]));
  });

  test('a rewrite that another collection overtook leaves nothing behind', async () => {
    const ports = createMemoryPorts();
    const doomed = await put(ports, treeOf({ a: '1'.repeat(200), b: 'kept' }));
    await put(ports, treeOf({ b: 'kept' }));
    await ports.catalog.deleteVersion(doomed.versionId, { deleteAliases: true });
    const { catalog } = ports.memory;
    const { moveBlobs } = catalog;
    catalog.moveBlobs = () => Promise.reject(new ArtifactError('STATE_CONFLICT', 'given up'));
    const [report] = await collectGarbage(ports, NOW);
    expect(report).toMatchObject({ packsRewritten: 0, packsDamaged: [] });
    expect(orphanKeys(ports)).toEqual([]);
    catalog.moveBlobs = moveBlobs;
    expect(await collectGarbage(ports, NOW)).toMatchObject([{ packsRewritten: 1 }]);
  });

  test('objects the index lost are taken in again, with what is needed of them', async () => {
    const ports = createMemoryPorts();
    const versions = new Map<number, Tree>();
    const tree = treeOf({ a: '1', b: '2', c: '3'.repeat(600) });
    versions.set((await put(ports, tree, { packBlobs: 2 })).versionId, tree);
    const doomed = await put(ports, treeOf({ d: '4', e: '5' }));
    await ports.catalog.deleteVersion(doomed.versionId, { deleteAliases: true });
    await ports.catalog.resetIndex(ENTITY);
    await ports.store.writeObject(storeKeys.pack(ENTITY, 'broken'), [
      bytesOf('no pack at all, but long enough for one'),
    ]);
    const [report] = await collectGarbage(ports, NOW);
    expect(report).toMatchObject({ orphansAdopted: 3, orphansRemoved: 1, orphansLeft: 0, objectsRemoved: 1 });
    expectClean(ports, versions);
  });

  test('an unreadable object stays while a version misses something', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1', b: '2' }), { packBlobs: 1 });
    const key = [...ports.memory.store.objects.keys()].find((each) => each.includes('/packs/')) ?? '';
    ports.memory.store.damage(key, (ports.memory.store.objects.get(key)?.length ?? 0) - 1);
    await ports.catalog.resetIndex(ENTITY);
    const [report] = await collectGarbage(ports, NOW);
    expect(report).toMatchObject({ orphansAdopted: 1, orphansRemoved: 0, orphansLeft: 1 });
    expect(ports.memory.store.objects.has(key)).toBe(true);
  });
});
