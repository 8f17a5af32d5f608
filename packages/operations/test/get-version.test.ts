import { crc32 } from 'node:zlib';
import { getVersion } from '@waybill/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { literalPrefix } from '../src/get-version.ts';
import { clashes, content, tree } from './arbitraries.ts';
import { digestOf } from './memory-digests.ts';
import { encodeMemoryManifest } from './memory-manifests.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import {
  bytesOf,
  entriesOf,
  errorOf,
  pathsOf,
  put,
  refTo,
  storedContents,
  type Tree,
  treeOf,
} from './memory-world.ts';

const ROOT = '/target';

function filesOf(ports: MemoryPorts, root = ROOT): Record<string, string> {
  return Object.fromEntries(
    [...ports.memory.files.files(root)].map(([path, bytes]) => [path, bytes.toHex()]),
  );
}

function expected(trees: readonly Tree[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const each of trees) {
    for (const [path, bytes] of each) if (bytes instanceof Uint8Array) files[path] = bytes.toHex();
  }
  return files;
}

describe('getVersion', () => {
  test('writes what was put, replaces what differs, leaves the rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        tree(),
        tree(),
        fc.array(fc.boolean()),
        fc.boolean(),
        fc.integer({ min: 1, max: 6 }),
        async (version, others, kept, later, packBlobs) => {
          const ports = createMemoryPorts({ later });
          await put(ports, version, { packBlobs });
          const there = new Map<string, Uint8Array>();
          for (const [index, [path, bytes]] of [...version].entries()) {
            if (kept[index] === true && bytes instanceof Uint8Array) there.set(path, bytes);
          }
          const right = there.size;
          for (const [path, bytes] of others) {
            if (bytes instanceof Uint8Array && (version.has(path) || !clashes(version, path))) {
              if (!there.has(path)) there.set(path, bytes);
            }
          }
          for (const [path, bytes] of there) ports.memory.files.writeFile(`${ROOT}/${path}`, bytes);
          const same = [...there].filter(([path, bytes]) => {
            const wanted = version.get(path);
            return wanted instanceof Uint8Array && wanted.toHex() === bytes.toHex();
          });
          const result = await getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] });
          expect(filesOf(ports)).toEqual(expected([there, version]));
          expect(result).toMatchObject({ entries: version.size, skipped: same.length });
          expect(result.skipped).toBeGreaterThanOrEqual(right);
          expect(result.written + result.skipped).toBe(version.size);
          expect(result.bytes).toBe(storedContents(version).reduce((sum, { length }) => sum + length, 0));
          expect(ports.memory.files.opened).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('the second algorithm is verified with its own hash', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'one', b: 'two' }), { algorithm: 'XXH128' });
    await getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] });
    expect(filesOf(ports)).toEqual(expected([treeOf({ a: 'one', b: 'two' })]));
  });

  test('globs choose entries, and only their part of the manifest is read', async () => {
    const ports = createMemoryPorts();
    const files = treeOf({
      ...Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`a/${index}.txt`, `${index}`])),
      'm/x.txt': 'x',
      'm/x.bin': 'b',
      'z/y.txt': 'y',
    });
    await put(ports, files);
    const result = await getVersion(ports, { ref: refTo('data'), root: ROOT, only: ['m/*.txt'] });
    expect(filesOf(ports)).toEqual(expected([treeOf({ 'm/x.txt': 'x' })]));
    expect(result).toMatchObject({ entries: 1, bytes: 1, written: 1, skipped: 0 });
    expect(ports.memory.manifests.blocksRead).toBeLessThan(3);
    const error = await errorOf(() =>
      getVersion(ports, { ref: refTo('data'), root: '/new', only: ['nothing*'] }),
    );
    expect(error.code).toBe('NOT_FOUND');
    expect(ports.memory.files.isFolder('/new')).toBe(false);
  });

  test('what a glob begins with is what all its matches begin with', () => {
    expect(literalPrefix(['train/img-*.png'])).toBe('train/img-');
    expect(literalPrefix(['train/a', 'train/b*'])).toBe('train/');
    expect(literalPrefix(['**/a'])).toBe('');
    expect(literalPrefix(['{a,b}/c'])).toBe('');
    expect(literalPrefix(['a\\*b'])).toBe('a');
    expect(literalPrefix(['./a/b'])).toBe('');
    expect(literalPrefix(['a/./b'])).toBe('');
    expect(literalPrefix(['a/../b'])).toBe('');
    expect(literalPrefix(['data/'])).toBe('data/');
  });

  test('a damaged blob costs its files only, all named in one error', async () => {
    const ports = createMemoryPorts();
    const files = treeOf({ a: 'first', copy: 'second', b: 'second', c: 'third', big: '9'.repeat(700) });
    await put(ports, files, { packBlobs: 10 });
    const located = [...ports.memory.store.objects.keys()].find((key) => key.includes('/packs/')) ?? '';
    const text = Buffer.from(ports.memory.store.objects.get(located) ?? []).toString('latin1');
    ports.memory.store.damage(located, text.indexOf('second'));
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(error.code).toBe('CORRUPT');
    expect(error.details['count']).toBe(2);
    expect(pathsOf(error)).toEqual(['b', 'copy']);
    expect(error.message).toContain('2 of 5 files');
    expect(filesOf(ports)).toEqual(expected([treeOf({ a: 'first', c: 'third', big: '9'.repeat(700) })]));
  });

  test('a damaged large blob never appears under its name', async () => {
    for (const later of [false, true]) {
      const ports = createMemoryPorts({ later });
      await put(ports, treeOf({ big: '9'.repeat(700), a: 'first' }));
      const key = [...ports.memory.store.objects.keys()].find((each) => each.includes('/blobs/')) ?? '';
      ports.memory.store.damage(key, 650);
      const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
      expect(error.code).toBe('CORRUPT');
      expect(pathsOf(error)).toEqual(['big']);
      expect(filesOf(ports)).toEqual(expected([treeOf({ a: 'first' })]));
      expect(ports.memory.files.opened).toBe(0);
    }
  });

  test('a removed object and a truncated one', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'first', b: 'second' }), { packBlobs: 1 });
    const packs = [...ports.memory.store.objects.keys()].filter((key) => key.includes('/packs/'));
    const [first = '', second = ''] = packs;
    ports.memory.store.objects.delete(first);
    ports.memory.store.objects.set(second, new Uint8Array(3));
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(error.code).toBe('CORRUPT');
    expect(error.details['codes']).toEqual({ MISSING_BLOB: 1, CORRUPT: 1 });
    expect(filesOf(ports)).toEqual({});
  });

  test('a content that is not in the index', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'first', b: 'second' }));
    await ports.catalog.dropBlobs({ entity: 'team', algorithm: 'MD5', digests: digestOf('first') });
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(error.code).toBe('MISSING_BLOB');
    expect(error.message).toContain('1 of 2 files');
    expect(filesOf(ports)).toEqual(expected([treeOf({ b: 'second' })]));
  });

  test('an object that gc moved meanwhile is found at its new place', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'first', b: 'second' }), { packBlobs: 2 });
    const { store, catalog } = ports.memory;
    let moved = false;
    ports.memory.onTask = (task) => {
      if (task !== 'writeFiles' || moved) return;
      moved = true;
      const object = [...catalog.objects.values()][0];
      const bytes = store.objects.get(object?.key ?? '');
      if (object === undefined || bytes === undefined) throw new Error('no pack');
      store.objects.delete(object.key);
      store.objects.set('team/packs/elsewhere', bytes);
      Object.assign(object, { key: 'team/packs/elsewhere' });
    };
    const result = await getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] });
    expect(result.written).toBe(2);
    expect(filesOf(ports)).toEqual(expected([treeOf({ a: 'first', b: 'second' })]));
  });

  test("a manifest that is not the version's is an error", async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'first', b: 'second' }));
    const [version] = ports.memory.catalog.versions;
    if (version === undefined) throw new Error('no version');
    version.digest = '0'.repeat(32);
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(error.code).toBe('CORRUPT');
    expect(error.message).toContain('team/project/data:v0');
    ports.memory.store.damage(version.manifest.key, 5);
    const damaged = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(damaged.code).toBe('CORRUPT');
    expect(damaged.message).toContain('team/project/data:v0');
  });

  test('a manifest that is out of order, or has another number of entries', async () => {
    for (const change of ['order', 'count'] as const) {
      const ports = createMemoryPorts();
      const tree = treeOf({ a: 'first', b: 'second', c: 'third', d: 'fourth' });
      const entries = entriesOf(tree);
      if (change === 'order') entries.splice(1, 2, ...entries.slice(1, 3).reverse());
      await put(ports, tree);
      const [version] = ports.memory.catalog.versions;
      if (version === undefined) throw new Error('no version');
      const bytes = encodeMemoryManifest(entries);
      ports.memory.store.objects.set(version.manifest.key, bytes);
      const lines = entries.map(({ path, digest }) => `${path}:${digest}\n`).join('');
      version.digest = digestOf(`wandb-artifact-manifest-v1\n${lines}`).toHex();
      version.manifest = { ...version.manifest, sizeBytes: bytes.length, footerCrc32: crc32(bytes) };
      if (change === 'count') version.entryCount++;
      const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
      expect(error.code).toBe('CORRUPT');
      expect(error.message).toContain(change === 'order' ? '"b" behind "c"' : '4 entries instead of 5');
    }
  });

  test('a path that leads outside is refused', async () => {
    for (const path of ['../a', 'a/../../b', '/etc/x', 'C:\\x', 'a//b', '']) {
      const ports = createMemoryPorts();
      await put(ports, new Map([[path, bytesOf('x')]]));
      const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
      expect(error.code).toBe('CORRUPT');
      expect([...ports.memory.files.nodes]).toEqual([]);
    }
  });

  test('links, folders and special files in the way are conflicts, the rest is written', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1', 'b/c': '2', 'd/e': '3', f: '4', g: '5' }));
    ports.memory.files.nodes.set(`${ROOT}/a`, { kind: 'link' });
    ports.memory.files.nodes.set(`${ROOT}/b`, { kind: 'link' });
    ports.memory.files.writeFile(`${ROOT}/d`, bytesOf('a file where a folder is needed'));
    ports.memory.files.writeFile(`${ROOT}/f/x`, bytesOf('a folder where a file is needed'));
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(error.code).toBe('TARGET_CONFLICT');
    expect(pathsOf(error)).toEqual(['a', 'b/c', 'd/e', 'f']);
    expect(ports.memory.files.files(ROOT).get('g')).toEqual(bytesOf('5'));
  });

  test('a full disk ends it at once and says how to go on', async () => {
    const ports = createMemoryPorts();
    const files = treeOf(
      Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}`, `${index}`])),
    );
    await put(ports, files);
    ports.memory.files.room = 12;
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(error.code).toBe('NO_SPACE');
    expect(error.message).toContain('run the command again');
    ports.memory.files.room = Number.POSITIVE_INFINITY;
    const result = await getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] });
    expect(result).toMatchObject({ skipped: 12, written: 18 });
  });

  test('references to local files are copied and verified', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(content, { minLength: 1, maxLength: 8 }), async (contents) => {
        const ports = createMemoryPorts();
        const files = new Map(
          contents.map((bytes, index) => {
            ports.memory.files.writeFile(`/source/%41 ${index}`, bytes);
            const ref = `file:///source/%2541 ${index}`;
            return [`r/${index}`, { ref, digest: digestOf(bytes).toBase64(), sizeBytes: bytes.length }];
          }),
        );
        await put(ports, files);
        await getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] });
        const copied = ports.memory.files.files(ROOT);
        expect(contents.map((_, index) => copied.get(`r/${index}`))).toEqual(contents);
        const again = await getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] });
        expect(again).toMatchObject({ written: 0, skipped: contents.length });
      }),
      { numRuns: 40 },
    );
  });

  test('a reference that changed, one that is gone and one elsewhere are named with what was expected', async () => {
    const ports = createMemoryPorts();
    const digest = digestOf('was').toBase64();
    ports.memory.files.writeFile('/source/changed', bytesOf('is'));
    ports.memory.files.writeFile('/source/big', bytesOf('b'.repeat(600)));
    await put(
      ports,
      treeOf({
        changed: { ref: 'file:///source/changed', digest },
        big: { ref: 'file:///source/big', digest },
        gone: { ref: 'file:///source/gone', digest },
        far: { ref: 's3://bucket/key', digest: 'etag' },
      }),
    );
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(error.code).toBe('SOURCE_CHANGED');
    expect(error.details['codes']).toEqual({ SOURCE_CHANGED: 2, SOURCE_NOT_FOUND: 1, UNSUPPORTED: 1 });
    const problems = JSON.stringify(error.details['problems']);
    expect(problems).toContain(`expected digest ${digest}, found ${digestOf('is').toBase64()}`);
    expect(problems).toContain(`expected digest ${digest}, found ${digestOf('b'.repeat(600)).toBase64()}`);
    expect(problems).toContain('/source/gone');
    expect(problems).toContain('s3://bucket/key');
    expect(filesOf(ports)).toEqual({});
    expect(ports.memory.files.opened).toBe(0);
  });

  test('of many failures the first hundred are listed, and all are counted', async () => {
    const ports = createMemoryPorts();
    const names = Array.from({ length: 150 }, (_, index) => `f${String(index).padStart(3, '0')}`);
    const entry = { ref: 's3://bucket/key', digest: 'etag' };
    await put(ports, treeOf(Object.fromEntries(names.map((name) => [name, entry]))));
    const error = await errorOf(() => getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }));
    expect(error.details).toMatchObject({ count: 150, codes: { UNSUPPORTED: 150 } });
    expect(pathsOf(error)).toEqual(names.slice(0, 100));
    const [problem] = error.details['problems'] as object[];
    expect(problem).toMatchObject({ path: 'f000', code: 'UNSUPPORTED' });
    expect(Object.keys(problem ?? {})).toEqual(['path', 'code', 'message']);
  });

  test('stops when it is cancelled', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1' }));
    const controller = new AbortController();
    ports.memory.onTask = () => controller.abort();
    const call = getVersion(
      ports,
      { ref: refTo('data'), root: ROOT, only: [] },
      { signal: controller.signal },
    );
    expect((await errorOf(() => call)).code).toBe('CANCELLED');
  });

  test('reports its progress', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1', b: '22' }));
    const seen: unknown[] = [];
    const onProgress = (progress: unknown) => void seen.push(progress);
    await getVersion(ports, { ref: refTo('data'), root: ROOT, only: [] }, { onProgress });
    expect(seen.at(-1)).toEqual({ step: 'write', done: 2, total: 2, bytesDone: 3, bytesTotal: 3 });
  });
});
