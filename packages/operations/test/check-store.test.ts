import { storeKeys } from '@waybill/core';
import {
  type CheckResult,
  checkStore,
  collectGarbage,
  getVersion,
  rebuildIndex,
  type StoreFinding,
} from '@waybill/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tree } from './arbitraries.ts';
import { digestOf } from './memory-digests.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import {
  bytesOf,
  ENTITY,
  errorOf,
  MemoryIngest,
  put,
  refTo,
  storedContents,
  type Tree,
  treeOf,
} from './memory-world.ts';

async function check(
  ports: MemoryPorts,
  repair = false,
): Promise<{ findings: StoreFinding[]; result: CheckResult }> {
  const call = checkStore(ports, { repair });
  const findings: StoreFinding[] = [];
  for (;;) {
    const step = await call.next();
    if (step.done === true) return { findings, result: step.value };
    findings.push(step.value);
  }
}

function keyIn(ports: MemoryPorts, folder: string): string {
  return [...ports.memory.store.objects.keys()].find((key) => key.includes(`/${folder}/`)) ?? '';
}

const TREE = treeOf({ a: 'first', b: 'second', copy: 'second', big: '9'.repeat(700) });

describe('checkStore', () => {
  test('a store in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(tree(), { maxLength: 4 }), async (trees) => {
        const ports = createMemoryPorts();
        for (const each of trees) await put(ports, each);
        const { findings, result } = await check(ports);
        expect(findings).toEqual([]);
        const contents = new Set(trees.flatMap(storedContents).map((content) => digestOf(content).toHex()));
        const entries = trees.reduce((sum, { size }) => sum + size, 0);
        expect(result).toMatchObject({ ok: true, blobs: contents.size, versions: trees.length, entries });
      }),
      { numRuns: 40 },
    );
  });

  test('a damaged blob is named with everything that needs it', async () => {
    const ports = createMemoryPorts();
    await put(ports, TREE, { packBlobs: 4 });
    await put(ports, treeOf({ 'x/y': 'second', z: 'other' }));
    const pack = keyIn(ports, 'packs');
    ports.memory.store.damage(pack, 6);
    const { findings, result } = await check(ports);
    const digest = digestOf('second').toBase64();
    const entry = { kind: 'damaged-entry', digest, reason: 'damaged' };
    expect(findings).toEqual([
      { kind: 'damaged-blob', key: pack, digest, algorithm: 'MD5' },
      { ...entry, version: 'team/project/data:v0', path: 'b' },
      { ...entry, version: 'team/project/data:v0', path: 'copy' },
      { ...entry, version: 'team/project/data:v1', path: 'x/y' },
    ]);
    expect(result).toMatchObject({ ok: false, damagedBlobs: 1, damagedEntries: 3, repaired: 0 });
    expect(ports.memory.catalog.blobs.size).toBe(4);
  });

  test('with repair the next put of the content heals every version', async () => {
    const ports = createMemoryPorts();
    await put(ports, TREE, { packBlobs: 4 });
    ports.memory.store.damage(keyIn(ports, 'packs'), 6);
    ports.memory.store.damage(keyIn(ports, 'blobs'), 6);
    expect((await check(ports, true)).result).toMatchObject({
      ok: false,
      damagedBlobs: 2,
      repaired: 2,
      damagedEntries: 3,
    });
    const again = await check(ports);
    expect(again.findings).toMatchObject([
      { reason: 'missing' },
      { reason: 'missing' },
      { reason: 'missing' },
    ]);
    await put(ports, TREE, { name: 'again' });
    expect((await check(ports)).result.ok).toBe(true);
    await getVersion(ports, { ref: refTo('data'), root: '/target', only: [] });
    expect(ports.memory.files.files('/target').get('copy')).toEqual(bytesOf('second'));
  });

  test('objects that are gone or too short, footers, manifests, sizes', async () => {
    const ports = createMemoryPorts();
    const version = await put(ports, TREE, { packBlobs: 1 });
    const [first = '', second = ''] = [...ports.memory.store.objects.keys()].filter((key) =>
      key.includes('/packs/'),
    );
    const blob = keyIn(ports, 'blobs');
    ports.memory.store.objects.delete(first);
    ports.memory.store.damage(second, (ports.memory.store.objects.get(second)?.length ?? 0) - 6);
    ports.memory.store.objects.set(blob, bytesOf('9'.repeat(20)));
    const { findings, result } = await check(ports);
    expect(
      findings
        .filter(({ kind }) => kind !== 'damaged-entry')
        .map((finding) => [finding.kind, 'key' in finding ? finding.key : '']),
    ).toEqual([
      ['damaged-object', blob],
      ['damaged-blob', blob],
      ['damaged-object', first],
      ['damaged-blob', first],
      ['damaged-footer', second],
    ]);
    expect(result).toMatchObject({ damagedObjects: 3, damagedBlobs: 2 });
    ports.memory.store.damage(version.manifest.key, 1);
    expect((await check(ports)).findings.at(-1)).toMatchObject({
      kind: 'damaged-manifest',
      version: 'team/project/data:v0',
    });
    ports.memory.store.objects.delete(version.manifest.key);
    expect((await check(ports)).findings.at(-1)).toMatchObject({ kind: 'damaged-manifest' });
  });

  test('a pack with a damaged list of its blobs is written anew', async () => {
    const ports = createMemoryPorts();
    await put(ports, TREE, { packBlobs: 4 });
    const pack = keyIn(ports, 'packs');
    ports.memory.store.damage(pack, (ports.memory.store.objects.get(pack)?.length ?? 0) - 1);
    const { findings, result } = await check(ports, true);
    expect(findings.map(({ kind }) => kind)).toEqual(['damaged-footer']);
    expect(result).toMatchObject({ ok: false, repaired: 1 });
    expect((await check(ports)).result).toMatchObject({ ok: true, blobs: 3 });
    await collectGarbage(ports, { dryRun: false, graceMs: 0 });
    expect(ports.memory.store.objects.has(pack)).toBe(false);
    expect(await rebuildIndex(ports, { rehash: true })).toMatchObject({ blobs: 3, skippedCount: 0 });
  });

  test('a place in the index with another length than the manifest says', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'first' }));
    const [row] = [...ports.memory.catalog.blobs.values()];
    if (row !== undefined) row.length = 3;
    const { findings } = await check(ports);
    expect(findings.map(({ kind }) => kind)).toEqual(['damaged-blob', 'damaged-entry']);
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: '/target', only: [] }));
    expect(error.code).toBe('CORRUPT');
  });

  test('leftovers are listed, and do no harm', async () => {
    const ports = createMemoryPorts();
    const version = await put(ports, treeOf({ a: 'first' }));
    await ports.catalog.deleteVersion(version.versionId, { deleteAliases: true });
    const open = new MemoryIngest(ports);
    await open.stage();
    const ended = new MemoryIngest(ports);
    await ended.stage();
    ports.memory.catalog.setIngestState(ended.ingestId, 'CANCELLED');
    const stray = storeKeys.pack(ENTITY, 'stray');
    await ports.store.writeObject(stray, [bytesOf('x')]);
    ports.memory.catalog.setIngestState(open.ingestId, 'CANCELLED');
    const { findings, result } = await check(ports);
    expect(findings.map((finding) => finding.kind === 'leftover' && finding.key)).toEqual([
      version.manifest.key,
      `${storeKeys.staging(ENTITY, open.ingestId)}list-1`,
      `${storeKeys.staging(ENTITY, ended.ingestId)}list-1`,
      stray,
    ]);
    expect(result).toMatchObject({ ok: true, leftovers: 4 });
  });

  test('a blob that gc moves while it is read is not taken for damaged', async () => {
    const ports = createMemoryPorts();
    const doomed = await put(ports, treeOf({ a: '1'.repeat(200), b: 'kept' }));
    await put(ports, treeOf({ b: 'kept' }));
    await ports.catalog.deleteVersion(doomed.versionId, { deleteAliases: true });
    // The pack is read only after the collection rewrote and removed it.
    const { pool } = ports;
    const slow: MemoryPorts = {
      ...ports,
      pool: {
        ...pool,
        cpus: 2,
        concurrency: 3,
        [Symbol.asyncDispose]: async () => undefined,
        run: async (task, input, options) => {
          await collectGarbage(ports, { dryRun: false, graceMs: 0 });
          return pool.run(task, input, options);
        },
      },
    };
    const findings = await Array.fromAsync(checkStore(slow, { repair: false }));
    expect(findings).toEqual([]);
    expect((await check(ports)).result).toMatchObject({ ok: true, blobs: 1 });
  });
});

describe('rebuildIndex', () => {
  /** What the index says, without the numbers of its rows. */
  function indexOf(ports: MemoryPorts): string[] {
    const { blobs, objects } = ports.memory.catalog;
    return [...blobs.values()]
      .map(
        ({ hex, algorithm, objectId, offset, length }) =>
          `${algorithm} ${hex} ${objects.get(objectId)?.key} ${offset} ${length}`,
      )
      .sort();
  }

  test('finds everything again', async () => {
    await fc.assert(
      fc.asyncProperty(tree(), tree(), fc.boolean(), async (first, second, rehash) => {
        const ports = createMemoryPorts();
        await put(ports, first);
        await put(ports, second, { name: 'other', algorithm: 'XXH128' });
        const before = indexOf(ports);
        const result = await rebuildIndex(ports, { rehash });
        expect(indexOf(ports)).toEqual(before);
        expect(result).toMatchObject({ blobs: before.length, skipped: [], skippedCount: 0 });
        expect((await check(ports)).result.ok).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('passes over what is damaged and names it', async () => {
    const ports = createMemoryPorts();
    await put(ports, TREE, { packBlobs: 2 });
    await put(ports, treeOf({ c: 'third', d: 'fourth' }), { packBlobs: 1 });
    const packs = [...ports.memory.store.objects.keys()].filter((key) => key.includes('/packs/'));
    const [hurt = '', cut = '', whole = ''] = packs;
    ports.memory.store.damage(hurt, 0);
    const bytes = ports.memory.store.objects.get(cut) ?? new Uint8Array();
    ports.memory.store.objects.set(cut, bytes.subarray(0, bytes.length - 5));
    ports.memory.store.objects.set(`${ENTITY}/packs/empty`, new Uint8Array());
    ports.memory.store.objects.set(`${ENTITY}/blobs/md5/no-blob`, new Uint8Array());
    const trusting = await rebuildIndex(ports, { rehash: false });
    expect(trusting).toMatchObject({ packs: 2, blobObjects: 1, blobs: 4, skippedCount: 3 });
    const result = await rebuildIndex(ports, { rehash: true });
    expect(result).toMatchObject({ packs: 2, blobObjects: 1, blobs: 3, skippedCount: 4 });
    expect(result.skipped.map(({ key }) => key).sort()).toEqual(
      [`${ENTITY}/blobs/md5/no-blob`, `${ENTITY}/packs/empty`, cut, hurt].sort(),
    );
    expect(packs).toContain(whole);
    const { findings } = await check(ports);
    expect(findings.filter(({ kind }) => kind === 'damaged-entry')).toMatchObject([
      { path: 'a', reason: 'missing' },
      { path: 'c', reason: 'missing' },
    ]);
  });

  test('interrupted, a collection loses nothing and the next rebuild ends it', async () => {
    const trees: Tree[] = [TREE, treeOf({ c: 'third' }), treeOf({ d: 'fourth', e: '8'.repeat(600) })];
    for (let place = 1; place < 8; place++) {
      const ports = createMemoryPorts();
      for (const each of trees) await put(ports, each, { packBlobs: 1 });
      const before = indexOf(ports);
      ports.memory.killAfter(place);
      await rebuildIndex(ports, { rehash: false }).catch(() => undefined);
      ports.memory.killAfter(Number.POSITIVE_INFINITY);
      await collectGarbage(ports, { dryRun: false, graceMs: 0 });
      expect(indexOf(ports)).toEqual(before);
    }
  });
});
