import { encodeVersionId } from '@waybill/core';
import { catEntry, exportManifest, type ManifestFormat } from '@waybill/operations';
import { describe, expect, test } from 'vitest';
import { digestOf } from './memory-digests.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import { bytesOf, errorOf, put, refTo, treeOf } from './memory-world.ts';

const ref = refTo('data');
const LARGE = 'x'.repeat(4_194_304 + 1_000);

async function read(ports: MemoryPorts, path: string): Promise<string> {
  const { chunks } = await catEntry(ports, { ref, path });
  return Buffer.concat(await Array.fromAsync(chunks)).toString();
}

describe('catEntry', () => {
  test('gives an entry, small, large, empty and referenced', async () => {
    const ports = createMemoryPorts();
    ports.memory.files.writeFile('/source/a b', bytesOf('referenced'.repeat(50)));
    const digest = digestOf('referenced'.repeat(50)).toBase64();
    await put(ports, treeOf({ small: 'content', empty: '', r: { ref: 'file:///source/a%20b', digest } }));
    expect(await read(ports, 'small')).toBe('content');
    expect(await read(ports, './small')).toBe('content');
    expect(await read(ports, 'empty')).toBe('');
    expect(await read(ports, 'r')).toBe('referenced'.repeat(50));
    expect(ports.memory.files.opened).toBe(0);
  });

  test('nothing of a small damaged entry leaves', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'y'.repeat(400) }));
    const key = [...ports.memory.store.objects.keys()].find((each) => each.includes('/packs/')) ?? '';
    ports.memory.store.damage(key, 399);
    const { chunks } = await catEntry(ports, { ref, path: 'a' });
    const error = await errorOf(() => chunks[Symbol.asyncIterator]().next());
    expect(error.code).toBe('CORRUPT');
    expect(error.message).toContain('"a" of team/project/data:v0');
  });

  test('a large damaged entry is never complete', async () => {
    const ports = createMemoryPorts();
    ports.memory.store.chunkBytes = 300_000;
    await put(ports, treeOf({ a: LARGE }));
    const { chunks } = await catEntry(ports, { ref, path: 'a' });
    let whole = 0;
    for await (const chunk of chunks) whole += chunk.length;
    expect(whole).toBe(LARGE.length);
    const key = [...ports.memory.store.objects.keys()].find((each) => each.includes('/blobs/')) ?? '';
    ports.memory.store.damage(key, 3);
    const damaged = await catEntry(ports, { ref, path: 'a' });
    let bytes = 0;
    const error = await errorOf(async () => {
      for await (const chunk of damaged.chunks) bytes += chunk.length;
    });
    expect(error.code).toBe('CORRUPT');
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(LARGE.length);
  });

  test('finds an object that gc moved between look-up and reading', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'content' }));
    const { chunks } = await catEntry(ports, { ref, path: 'a' });
    const object = [...ports.memory.catalog.objects.values()][0];
    const bytes = ports.memory.store.objects.get(object?.key ?? '');
    if (object === undefined || bytes === undefined) throw new Error('no pack');
    ports.memory.store.objects.delete(object.key);
    ports.memory.store.objects.set('team/packs/moved', bytes);
    Object.assign(object, { key: 'team/packs/moved' });
    expect(Buffer.concat(await Array.fromAsync(chunks)).toString()).toBe('content');
  });

  test('goes on at the new place of an object that gc moves while it is read', async () => {
    const ports = createMemoryPorts();
    ports.memory.store.chunkBytes = 300_000;
    await put(ports, treeOf({ a: LARGE }));
    const { chunks } = await catEntry(ports, { ref, path: 'a' });
    const object = [...ports.memory.catalog.objects.values()][0];
    const bytes = ports.memory.store.objects.get(object?.key ?? '');
    if (object === undefined || bytes === undefined) throw new Error('no object');
    let read = 0;
    ports.memory.store.onRead = () => {
      if (++read !== 5) return;
      ports.memory.store.objects.delete(object.key);
      ports.memory.store.objects.set('team/blobs/moved', bytes);
      Object.assign(object, { key: 'team/blobs/moved' });
    };
    expect(Buffer.concat(await Array.fromAsync(chunks)).toString()).toBe(LARGE);
    ports.memory.store.objects.delete('team/blobs/moved');
    expect(
      (await errorOf(async () => Array.fromAsync((await catEntry(ports, { ref, path: 'a' })).chunks))).code,
    ).toBe('MISSING_BLOB');
  });

  test('a reference that changed, one left early, one elsewhere', async () => {
    const ports = createMemoryPorts();
    const digest = digestOf('was').toBase64();
    ports.memory.files.writeFile('/source/a', bytesOf('is'));
    ports.memory.files.readBytes = 1_000_000;
    ports.memory.files.writeFile('/source/large', bytesOf('z'.repeat(9_000_000)));
    await put(
      ports,
      treeOf({
        a: { ref: 'file:///source/a', digest },
        large: { ref: 'file:///source/large', digest },
        gone: { ref: 'file:///source/gone', digest },
        far: { ref: 's3://bucket/a', digest },
      }),
    );
    const changed = await errorOf(() => read(ports, 'a'));
    expect(changed.code).toBe('SOURCE_CHANGED');
    expect(changed.message).toContain(digest);
    expect((await errorOf(() => read(ports, 'gone'))).code).toBe('SOURCE_NOT_FOUND');
    expect((await errorOf(() => read(ports, 'far'))).code).toBe('UNSUPPORTED');
    const { chunks } = await catEntry(ports, { ref, path: 'large' });
    for await (const chunk of chunks) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(ports.memory.files.opened).toBe(0);
  });

  test('says what is missing', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ 'a/b': 'content' }));
    expect((await errorOf(() => read(ports, 'a'))).code).toBe('NOT_FOUND');
    expect((await errorOf(() => read(ports, '../a'))).code).toBe('INVALID_PATH');
    await ports.catalog.dropBlobs({ entity: 'team', algorithm: 'MD5', digests: digestOf('content') });
    expect((await errorOf(() => read(ports, 'a/b'))).code).toBe('MISSING_BLOB');
  });
});

describe('exportManifest', () => {
  async function exported(ports: MemoryPorts, format: ManifestFormat): Promise<string> {
    return Buffer.concat(await Array.fromAsync(exportManifest(ports, { ref, format }))).toString();
  }

  test('streams every format', async () => {
    const ports = createMemoryPorts();
    const version = await put(ports, treeOf({ a: '1', b: '2', c: '3', d: '4' }));
    expect(await exported(ports, 'wandb-json')).toBe(`${encodeVersionId(version.versionId)}\na\nb\nc\nd\n`);
    expect((await exported(ports, 'ndjson')).trim().split('\n')).toHaveLength(4);
    const stored = ports.memory.store.objects.get(version.manifest.key) ?? new Uint8Array();
    expect(await exported(ports, 'parquet')).toBe(Buffer.from(stored).toString());
  });

  test("a stored manifest that is not the version's does not leave as if it were", async () => {
    const ports = createMemoryPorts();
    const version = await put(ports, treeOf({ a: '1', b: '2', c: '3', d: '4' }));
    const good = ports.memory.store.objects.get(version.manifest.key) ?? new Uint8Array();
    let reads = 0;
    // Right when it is verified, wrong when it is sent.
    ports.memory.store.onRead = () => {
      if (reads++ === 1) ports.memory.store.damage(version.manifest.key, good.length - 2);
    };
    expect((await errorOf(() => exported(ports, 'parquet'))).code).toBe('CORRUPT');
    ports.memory.store.onRead = () => undefined;
    ports.memory.store.objects.set(version.manifest.key, good);
    const [recorded] = ports.memory.catalog.versions;
    if (recorded !== undefined) recorded.digest = 'e'.repeat(32);
    for (const format of ['wandb-json', 'ndjson', 'parquet'] as const) {
      expect((await errorOf(() => exported(ports, format))).code).toBe('CORRUPT');
    }
  });
});
