import type { Entry, ManifestRef } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createManifestFiles } from '../src/index.ts';
import { rowsOfGroup } from '../src/manifest-schema.ts';
import { ManifestWriter } from '../src/manifest-writer.ts';
import {
  collect,
  entriesAt,
  failureOf,
  file,
  inBlocks,
  MemoryObject,
  manyFiles,
  paths,
  sortBytes,
  sortedPaths,
} from './fixtures.ts';

const manifests = createManifestFiles();

interface Written {
  readonly object: MemoryObject;
  readonly ref: ManifestRef;
}

async function write(entries: readonly Entry[], blockEntries = 1_000): Promise<Written> {
  const encoding = manifests.encodeManifest(inBlocks(entries, blockEntries));
  const chunks: Uint8Array[] = [];
  for await (const chunk of encoding.chunks) chunks.push(chunk);
  const object = new MemoryObject('manifests/7-1.parquet', Buffer.concat(chunks));
  return { object, ref: { key: object.name, ...encoding.finish() } };
}

function sample(count: number): Entry[] {
  return manyFiles(count).map((entry, index) =>
    index % 7 === 3
      ? {
          ...entry,
          sizeBytes: undefined,
          ref: `s3://bucket/${index}`,
          extra: { etag: `"${index}"`, n: index },
        }
      : index % 11 === 5
        ? { ...entry, birthArtifactId: 'QXJ0aWZhY3Q6MQ==', sha256: 'c2hhMjU2' }
        : entry,
  );
}

describe('row groups', () => {
  test('are small where a manifest is, and few where it is large', () => {
    expect([0, 1_023, 1_024, 2_047, 2_048, 9_999].map(rowsOfGroup)).toEqual([
      8_192, 8_192, 16_384, 16_384, 32_768, 32_768,
    ]);
    let groups = 0;
    for (let rows = 0; rows < 100_000_000; rows += rowsOfGroup(groups++));
    expect(groups).toBe(4_332);
  });

  test('of different sizes are read alike', async () => {
    const entries = sample(100);
    const writer = new ManifestWriter((index) => [3, 1, 40][index] ?? 7);
    const object = new MemoryObject('m', Buffer.concat([...writer.add(entries), ...writer.end()]));
    const reader = await manifests.openManifest(object, { key: 'm', ...writer.footer });
    expect(await collect(reader.scan())).toEqual(entries);
    for (const entry of entries) expect(await reader.lookup(entry.path)).toEqual(entry);
    expect(await collect(reader.scan({ from: entries[43]?.path ?? '' }))).toEqual(entries.slice(43));
  });
});

describe('manifests', () => {
  test('give back every entry exactly', async () => {
    await fc.assert(
      fc.asyncProperty(
        sortedPaths({ maxLength: 40 }).chain((names) => fc.tuple(...names.map(entriesAt))),
        fc.integer({ min: 1, max: 50 }),
        async (entries, blockEntries) => {
          const { object, ref } = await write(entries, blockEntries);
          const reader = await manifests.openManifest(object, ref);
          expect(reader.entryCount).toBe(entries.length);
          expect(await collect(reader.scan())).toEqual(entries);
          for (const entry of entries) expect(await reader.lookup(entry.path)).toEqual(entry);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('over several row groups and pages', async () => {
    const entries = sample(50_000);
    const { object, ref } = await write(entries);
    const reader = await manifests.openManifest(object, ref);
    expect(await collect(reader.scan())).toEqual(entries);
    for (const index of [0, 1, 8_191, 8_192, 33_333, 49_999]) {
      const entry = entries[index];
      expect(await reader.lookup(entry?.path ?? '')).toEqual(entry);
    }
  });

  test('have the record say what was written', async () => {
    const { object, ref } = await write(sample(20_000));
    expect(ref.sizeBytes).toBe(object.sizeBytes);
    expect(ref.footerBytes).toBeLessThan(ref.sizeBytes / 10);
    const unfinished = manifests.encodeManifest(inBlocks(sample(1)));
    expect(() => unfinished.finish()).toThrow(/MAN-2/);
  });

  test('without entries', async () => {
    const { object, ref } = await write([]);
    const reader = await manifests.openManifest(object, ref);
    expect(reader.entryCount).toBe(0);
    expect(await collect(reader.scan())).toEqual([]);
    expect(await reader.lookup('a')).toBeUndefined();
  });

  test('refuse entries out of order, within a row group and between two', async () => {
    const entries = manyFiles(8_193);
    const [first, ...rest] = entries;
    const wrong = [...rest, first ?? file('x')];
    expect((await failureOf(write(wrong))).message).toContain('MAN-4');
    expect((await failureOf(write([file('b'), file('a')]))).code).toBe('INTERNAL');
    expect((await failureOf(write([file('a'), file('a')]))).code).toBe('INTERNAL');
    expect((await failureOf(write([file('\u{1f600}'), file('\uffff')]))).code).toBe('INTERNAL');
    expect((await failureOf(write([{ ...file('a'), sizeBytes: -1 }]))).message).toContain('MAN-1');
  });

  test('stop when cancelled', async () => {
    const controller = new AbortController();
    const encoding = manifests.encodeManifest(inBlocks(sample(40_000)), { signal: controller.signal });
    const work = (async () => {
      for await (const chunk of encoding.chunks) {
        expect(chunk.length).toBeGreaterThan(0);
        controller.abort();
      }
    })();
    expect((await failureOf(work)).code).toBe('CANCELLED');
    const { object, ref } = await write(sample(40_000));
    const reader = await manifests.openManifest(object, ref);
    const scan = collect(reader.scan({}, { signal: controller.signal }));
    expect((await failureOf(scan)).code).toBe('CANCELLED');
  });
});

describe('lookup', () => {
  test('reads the footer and one row group', async () => {
    const entries = sample(200_000);
    const { object, ref } = await write(entries);
    const wanted = entries[123_456];
    const reader = await manifests.openManifest(object, ref);
    expect(object.bytesRead).toBe(ref.footerBytes);
    expect(await reader.lookup(wanted?.path ?? '')).toEqual(wanted);
    expect(object.ranges.length).toBe(2);
    expect(object.bytesRead).toBeLessThan(object.sizeBytes * 0.15);
    expect(await reader.lookup('before all')).toBeUndefined();
    expect(await reader.lookup('zzz behind all')).toBeUndefined();
    expect(object.ranges.length).toBe(2);
    expect(await reader.lookup(`${wanted?.path}x`)).toBeUndefined();
    expect(object.ranges.length).toBe(2);
  });

  test('compares by bytes, not as JavaScript does', async () => {
    const entries = sortBytes(['\u{1f600}', '\uffff', '\ufeffa', 'z', '\u{10ffff}', '\ue000']).map((path) =>
      file(path),
    );
    const { object, ref } = await write(entries);
    const reader = await manifests.openManifest(object, ref);
    for (const entry of entries) expect(await reader.lookup(entry.path)).toEqual(entry);
  });
});

describe('scan', () => {
  test('gives what a filter over all entries gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        sortedPaths({ maxLength: 40 }),
        fc.oneof(paths, fc.constantFrom('', 'a', 'a/', 'b')),
        fc.oneof(paths, fc.constantFrom('', 'a', 'a/', 'b', '\uffff', '\u{1f600}')),
        async (names, from, prefix) => {
          const { object, ref } = await write(names.map((path) => file(path)));
          const reader = await manifests.openManifest(object, ref);
          const expected = names.filter(
            (path) => path.startsWith(prefix) && Buffer.compare(Buffer.from(path), Buffer.from(from)) >= 0,
          );
          expect((await collect(reader.scan({ from, prefix }))).map(({ path }) => path)).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of a prefix or from a path on reads no row group it does not need', async () => {
    const entries = sample(200_000);
    const { object, ref } = await write(entries);
    const reader = await manifests.openManifest(object, ref);
    const footerBytes = object.bytesRead;
    const prefix = 'data/train/0200/';
    const expected = entries.filter(({ path }) => path.startsWith(prefix));
    expect(await collect(reader.scan({ prefix }))).toEqual(expected);
    expect(object.bytesRead - footerBytes).toBeLessThan(object.sizeBytes * 0.2);
    const from = entries[190_000]?.path ?? '';
    expect(await collect(reader.scan({ from }))).toEqual(entries.slice(190_000));
    expect(object.ranges.length).toBeLessThan(8);
    const [one] = await collect(reader.scan({ from: prefix, prefix: expected[7]?.path ?? '' }));
    expect(one).toEqual(expected[7]);
  });

  test('reads one row group ahead, not more', async () => {
    const { object, ref } = await write(sample(200_000));
    const reader = await manifests.openManifest(object, ref);
    for await (const block of reader.scan()) {
      expect(block.length).toBeGreaterThan(0);
      break;
    }
    expect(object.ranges.length).toBe(3);
  });
});

describe('a damaged manifest', () => {
  const entries = sample(3_000);

  async function readAll(object: MemoryObject, ref: ManifestRef): Promise<unknown> {
    const reader = await manifests.openManifest(object, ref);
    return collect(reader.scan());
  }

  test('is CORRUPT and named, whichever byte is changed or missing', async () => {
    const { object, ref } = await write(entries);
    const length = object.sizeBytes;
    const positions = fc.oneof(
      fc.nat({ max: length - 1 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: length - ref.footerBytes, max: length - 1 }),
    );
    const damages = fc.oneof(
      { weight: 4, arbitrary: fc.record({ at: positions, xor: fc.integer({ min: 1, max: 255 }) }) },
      { weight: 1, arbitrary: fc.record({ length: fc.nat({ max: length - 1 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(damages, async (damage) => {
        const bytes = Buffer.from(
          'length' in damage ? object.bytes.subarray(0, damage.length) : object.bytes,
        );
        if ('at' in damage) bytes[damage.at] = (bytes[damage.at] ?? 0) ^ damage.xor;
        const error = await failureOf(readAll(new MemoryObject(object.name, bytes), ref));
        expect(error.code).toBe('CORRUPT');
        expect(error.message).toContain(object.name);
      }),
      { numRuns: 300 },
    );
  });

  test('is found by a lookup in the damaged row group, and by no other', async () => {
    const many = manyFiles(40_000);
    const { object, ref } = await write(many);
    const bytes = Buffer.from(object.bytes);
    bytes[Math.floor(bytes.length * 0.9)] = (bytes[Math.floor(bytes.length * 0.9)] ?? 0) ^ 1;
    const reader = await manifests.openManifest(new MemoryObject(object.name, bytes), ref);
    expect(await reader.lookup(many[0]?.path ?? '')).toEqual(many[0]);
    expect((await failureOf(reader.lookup(many.at(-1)?.path ?? ''))).code).toBe('CORRUPT');
  });

  test('of another version than is on record is CORRUPT', async () => {
    const [one, other] = [await write([file('a', 1)]), await write([file('a', 2)])];
    const error = await failureOf(readAll(other.object, one.ref));
    expect(error.code).toBe('CORRUPT');
  });

  test('that is too new says so', async () => {
    const { object, ref } = await write([file('a')]);
    const bytes = Buffer.from(object.bytes);
    const key = 'waybill.manifest.version';
    const at = bytes.lastIndexOf(key) + key.length;
    // Thrift: a field header, the length 1, then the version.
    expect(bytes.toString('latin1', at + 2, at + 3)).toBe('1');
    bytes[at + 2] = '2'.charCodeAt(0);
    const { crc32 } = await import('node:zlib');
    const footerCrc32 = crc32(bytes.subarray(bytes.length - ref.footerBytes));
    const error = await failureOf(readAll(new MemoryObject(object.name, bytes), { ...ref, footerCrc32 }));
    expect(error).toMatchObject({ code: 'TOO_NEW' });
    expect(error.message).toContain('version 2');
  });
});
