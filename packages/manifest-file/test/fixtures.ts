import { readdir } from 'node:fs/promises';
import {
  ArtifactError,
  type ByteRange,
  type Entry,
  entryPathProblem,
  type ObjectReader,
  type SegmentRef,
  type SegmentRow,
} from '@waybill/core';
import fc from 'fast-check';
import { createSegmentFiles } from '../src/index.ts';

/** An object in memory that counts how it is read. */
export class MemoryObject implements ObjectReader {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly ranges: ByteRange[] = [];

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.bytes = bytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  get bytesRead(): number {
    return this.ranges.reduce((sum, range) => sum + range.length, 0);
  }

  async readRange(range: ByteRange): Promise<Uint8Array> {
    this.ranges.push(range);
    if (range.offset < 0 || range.offset + range.length > this.bytes.length) {
      throw new ArtifactError('CORRUPT', `${this.name} is shorter than asked for`);
    }
    return this.bytes.slice(range.offset, range.offset + range.length);
  }
}

/** Path parts that meet at every edge of byte order: prefixes, astral characters, U+FFFD, newlines, long ones. */
const pathParts = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'aa',
    'a-',
    'a.',
    'a b',
    '\n',
    '\u00e9',
    '\ud55c',
    '\ue000',
    '\uffff',
    '\ufffd',
    '\ufeff',
    '\u{1f600}',
    '\u{10ffff}',
    '\\',
    ':',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
  fc.string({ minLength: 1, maxLength: 200 }),
);

export const paths: fc.Arbitrary<string> = fc
  .array(pathParts, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'))
  .filter((path) => entryPathProblem(path) === undefined);

const contentDigests: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64'));

const texts = fc.string({ unit: 'grapheme', maxLength: 40 });

/** Digests as sources give them, some of them almost content digests. */
const digests = fc.oneof(
  { weight: 4, arbitrary: contentDigests },
  { weight: 1, arbitrary: texts },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'AAAAAAAAAAAAAAAAAAAAAB==',
      'AAAAAAAAAAAAAAAAAAAAAAA=',
      '\u0141AAAAAAAAAAAAAAAAAAAAA==',
      's3://bucket/key\nwith:colon',
    ),
  },
);

const extras = fc.dictionary(texts, fc.jsonValue()).map((record) => {
  const parsed: unknown = JSON.parse(JSON.stringify(record));
  return { ...(typeof parsed === 'object' ? parsed : {}) };
});

export function entriesAt(path: string): fc.Arbitrary<Entry> {
  return fc
    .record(
      {
        digest: digests,
        sizeBytes: fc.oneof(fc.maxSafeNat(), fc.nat(100), fc.constant(undefined)),
        ref: texts,
        extra: extras,
        birthArtifactId: texts,
        sha256: texts,
      },
      { requiredKeys: ['digest', 'sizeBytes'] },
    )
    .map((fields) => ({ path, ...fields }));
}

/** Different paths in byte order. */
export function sortedPaths(
  constraints: { minLength?: number; maxLength?: number } = {},
): fc.Arbitrary<string[]> {
  return fc.uniqueArray(paths, constraints).map(sortBytes);
}

export function sortBytes(unsorted: readonly string[]): string[] {
  return unsorted.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

export function file(path: string, fill = 0): Entry {
  return { path, digest: Buffer.alloc(16, fill).toString('base64'), sizeBytes: fill };
}

/** Many stored files with paths as a real tree has them. */
export function manyFiles(count: number, seed = 0): Entry[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = Buffer.alloc(16);
    digest.writeUInt32LE(index);
    digest.writeUInt32LE((seed + Math.imul(index, 2_654_435_761)) >>> 0, 4);
    const folder = String(Math.floor(index / 500)).padStart(4, '0');
    return {
      path: `data/train/${folder}/image-${String(index).padStart(7, '0')}.jpg`,
      digest: digest.toString('base64'),
      sizeBytes: (index * 7_919) % 200_000,
    };
  });
}

/** Segments in memory, as shards would have written them. */
export class SegmentStore {
  readonly objects = new Map<string, MemoryObject>();
  readonly refs: SegmentRef[] = [];
  readonly opened: string[] = [];
  readonly #files = createSegmentFiles();

  add(segment: {
    rows: readonly SegmentRow[];
    layer?: number;
    sourceIndex?: number;
    frameRows?: number;
  }): void {
    const { rows, layer = 1, sourceIndex = 0, frameRows = 1_000 } = segment;
    const frames = [];
    for (let from = 0; from < rows.length; from += frameRows) {
      frames.push(this.#files.encodeFrame(rows.slice(from, from + frameRows)));
    }
    const bytes = Buffer.concat(this.#files.encodeSegment({ layer, sourceIndex, frames }));
    const key = `staging/x/segments/${this.refs.length}`;
    this.objects.set(key, new MemoryObject(key, bytes));
    this.refs.push({
      key,
      layer,
      sourceIndex,
      entryCount: rows.length,
      sizeBytes: bytes.length,
      firstPath: rows[0]?.path ?? '',
      lastPath: rows.at(-1)?.path ?? '',
    });
  }

  async *segments(): AsyncGenerator<SegmentRef> {
    const order = new Map(
      sortBytes(this.refs.map((ref) => ref.firstPath)).map((path, index) => [path, index]),
    );
    yield* this.refs.toSorted(
      (a, b) => a.layer - b.layer || (order.get(a.firstPath) ?? 0) - (order.get(b.firstPath) ?? 0),
    );
  }

  readonly openSegment = (ref: SegmentRef): ObjectReader => {
    this.opened.push(ref.key);
    const object = this.objects.get(ref.key);
    if (object === undefined) throw new ArtifactError('MISSING_BLOB', `no object ${ref.key}`);
    return object;
  };
}

export async function collect<T>(blocks: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const block of blocks) all.push(...block);
  return all;
}

export async function* inBlocks<T>(items: readonly T[], size = 1_000): AsyncGenerator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/** The error a promise fails with, or the failure that it does not fail. */
export async function failureOf(work: Promise<unknown>): Promise<ArtifactError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ArtifactError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder);
}
