import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SegmentRow } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSegmentFiles } from '../src/index.ts';
import { decodeFrame } from '../src/segment-frame.ts';
import { decodeSegmentHeader, segmentHeaderBytes } from '../src/segment-header.ts';
import { entriesAt, file, manyFiles, sortedPaths } from './fixtures.ts';

const files = createSegmentFiles();

const rowsInOrder: fc.Arbitrary<SegmentRow[]> = sortedPaths({ minLength: 1, maxLength: 60 }).chain((paths) =>
  fc.tuple(
    ...paths.map((path) =>
      fc.oneof(
        { weight: 5, arbitrary: entriesAt(path) },
        { weight: 1, arbitrary: fc.constant({ path, tombstone: true } as const) },
      ),
    ),
  ),
);

describe('segment frames', () => {
  test('give back every row exactly', () => {
    fc.assert(
      fc.property(rowsInOrder, (rows) => {
        const frame = files.encodeFrame(rows);
        expect(frame.entryCount).toBe(rows.length);
        expect(frame.firstPath).toBe(rows[0]?.path);
        expect(frame.lastPath).toBe(rows.at(-1)?.path);
        expect(frame.bytes.byteLength).toBe(frame.bytes.buffer.byteLength);
        const decoded = decodeFrame(frame.bytes);
        expect(decoded.rows).toEqual(rows);
        expect(decoded.entries === undefined).toBe(rows.some((row) => 'tombstone' in row));
      }),
      { numRuns: 300 },
    );
  });

  test('tell whether a path begins with the one before it', () => {
    const nested = (...paths: string[]): boolean =>
      decodeFrame(files.encodeFrame(paths.map((path) => file(path))).bytes).nested;
    expect(nested('a', 'b')).toBe(false);
    expect(nested('a', 'a-b', 'a/b')).toBe(true);
    expect(nested('a-b', 'a/b')).toBe(false);
    expect(nested('\u{1f600}', '\u{1f600}x')).toBe(true);
  });

  test('refuse rows that do not ascend by bytes', () => {
    const encode = (...paths: string[]): unknown => files.encodeFrame(paths.map((path) => file(path)));
    expect(() => encode('b', 'a')).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect(() => encode('a', 'a')).toThrow(/SEG-1/);
    expect(() => encode('ab', 'a')).toThrow(/"ab", then "a"/);
    // JavaScript's own order has the astral character first.
    expect(() => encode('\u{1f600}', '\uffff')).toThrow(/SEG-1/);
    expect(encode('\uffff', '\u{1f600}')).toBeDefined();
  });

  test('refuse what could not be given back', () => {
    expect(() => files.encodeFrame([])).toThrow(/SEG-2/);
    expect(() => files.encodeFrame([file('a\ud800')])).toThrow(/TXT-1/);
    expect(() => files.encodeFrame([file('a\ud800'), file('\udc00b')])).toThrow(/TXT-1/);
    expect(() => files.encodeFrame([{ ...file('a'), sizeBytes: -1 }])).toThrow(/SEG-4/);
    expect(() => files.encodeFrame([{ ...file('a'), sizeBytes: 1.5 }])).toThrow(/SEG-4/);
    expect(() => files.encodeFrame([{ ...file('a'), ref: '\ud800' }])).toThrow(/TXT-1/);
  });

  test('keep digests small', () => {
    const rows = manyFiles(1_000);
    expect(files.encodeFrame(rows).bytes.length / rows.length).toBeLessThan(26);
  });
});

describe('segments', () => {
  test('refuse frames that do not ascend', () => {
    const [a, b] = [files.encodeFrame([file('a')]), files.encodeFrame([file('b')])];
    expect(() => files.encodeSegment({ layer: 1, sourceIndex: 0, frames: [b, a] })).toThrow(/SEG-7/);
    expect(() => files.encodeSegment({ layer: 1, sourceIndex: 0, frames: [a, a] })).toThrow(/SEG-7/);
    expect(() => files.encodeSegment({ layer: 1, sourceIndex: 0, frames: [] })).toThrow(/SEG-6/);
  });

  test('are the bytes the format page promises', async () => {
    const golden = await readFile(join(import.meta.dirname, 'golden/segment-v1.bin'));
    const headerBytes = segmentHeaderBytes(golden.subarray(0, 8), golden.length);
    const header = decodeSegmentHeader(golden.subarray(0, headerBytes), golden.length);
    expect(header).toMatchObject({
      layer: 1,
      sourceIndex: 2,
      entryCount: 5,
      firstPath: 'a.txt',
      lastPath: '\u{1f600}/z',
    });
    const rows: SegmentRow[] = [];
    let from = headerBytes;
    for (const { sizeBytes } of header.frames) {
      rows.push(...decodeFrame(golden.subarray(from, from + sizeBytes)).rows);
      from += sizeBytes;
    }
    expect(rows).toEqual(goldenRows);
    const frames = [files.encodeFrame(goldenRows.slice(0, 3)), files.encodeFrame(goldenRows.slice(3))];
    const encoded = Buffer.concat(files.encodeSegment({ layer: 1, sourceIndex: 2, frames }));
    // Not the compressed bytes: another zstd may find others.
    expect(
      encoded.subarray(0, 32 + 'a.txt'.length + 6).equals(golden.subarray(0, 32 + 'a.txt'.length + 6)),
    ).toBe(true);
  });
});

const goldenRows: SegmentRow[] = [
  { path: 'a.txt', digest: 'XUFAKrxLKna5cZ2REBfFkg==', sizeBytes: 5 },
  { path: 'b', tombstone: true },
  {
    path: 'dir/line\nbreak',
    digest: 'etag:"1"',
    sizeBytes: undefined,
    ref: 's3://bucket/key',
    extra: { etag: '"1"' },
  },
  {
    path: '\ufffd',
    digest: 'aGTzidmHZDa8h3j/Bx0bbA==',
    sizeBytes: 9_007_199_254_740_991,
    birthArtifactId: 'QXJ0aWZhY3Q6MQ==',
    sha256: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  },
  { path: '\u{1f600}/z', digest: 'E7c+2uhEOZC+GqjxpIO8Jw==', sizeBytes: 0 },
];
