import { type ContentHasher, type DigestAlgorithm, type HashStream, LIMITS } from '@waybill/core';
import fc from 'fast-check';
import { createXXHash128 } from 'hash-wasm';
import { beforeAll, describe, expect, test } from 'vitest';
import { createContentHasher } from '../src/content-hasher.ts';
import { HashPermits } from '../src/hash-permits.ts';
import { hexAt, referenceMd5, seededBytes } from './reference-digests.ts';

const ARENA_BYTES = 512 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** Where MD5 pads differently, and where the lanes change from one block, chunk or file to the next. */
const EDGES = [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 183, 184, 191, 192].concat(
  [CHUNK_BYTES, 2 * CHUNK_BYTES].flatMap((size) =>
    [-65, -64, -9, -8, -1, 0, 1, 55, 56, 64, 65].map((d) => size + d),
  ),
);

let hasher: ContentHasher;
let reference: Record<DigestAlgorithm, (bytes: Uint8Array) => string>;
beforeAll(async () => {
  hasher = await createContentHasher({ arenaBytes: ARENA_BYTES });
  const xxh128 = await createXXHash128();
  reference = {
    MD5: referenceMd5,
    XXH128: (bytes) => xxh128.init().update(bytes).digest('hex'),
  };
});

const algorithms: readonly DigestAlgorithm[] = ['MD5', 'XXH128'];
const length = (max: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.integer({ min: 0, max: 300 }),
    fc.integer({ min: 0, max }),
    fc.constantFrom(...EDGES.filter((n) => n <= max)),
  );

/** Lays messages back to back into the arena, in an order of its own, and hashes them. */
function hashAsSpans(contents: readonly Uint8Array[], algorithm: DigestAlgorithm, gap = 0): string[] {
  const arena = hasher.arena();
  const offsets = new Int32Array(contents.length);
  const lengths = new Int32Array(contents.length);
  let used = 0;
  for (let i = contents.length - 1; i >= 0; i--) {
    const content = contents[i] ?? new Uint8Array();
    arena.set(content, used);
    offsets[i] = used;
    lengths[i] = content.length;
    used += content.length + gap;
  }
  const digests = hasher.hashSpans({ offsets, lengths, count: contents.length }, algorithm);
  return contents.map((_, index) => hexAt(digests, index));
}

/** A stream over bytes in memory that gives at most so many of them at a time. */
function streamOf(
  bytes: Uint8Array,
  {
    end,
    readMax = Number.POSITIVE_INFINITY,
    tap,
  }: { end: (hex: string) => void; readMax?: number; tap?: HashStream['tap'] },
): HashStream {
  let at = 0;
  return {
    sizeBytes: bytes.length,
    read(target) {
      const part = bytes.subarray(at, at + Math.min(target.length, readMax));
      target.set(part);
      at += part.length;
      return part.length;
    },
    ...(tap === undefined ? {} : { tap }),
    end: (digest) => end(digest.toHex()),
  };
}

function hashAsStreams(
  contents: readonly Uint8Array[],
  algorithm: DigestAlgorithm,
  readMax?: number,
): string[] {
  const digests: string[] = [];
  const streams = contents.map((bytes, index) =>
    streamOf(bytes, {
      ...(readMax === undefined ? {} : { readMax }),
      end: (hex) => {
        expect(digests[index]).toBeUndefined();
        digests[index] = hex;
      },
    }),
  );
  hasher.hashStreams(streams, algorithm);
  return digests;
}

describe.each(algorithms)('%s of spans', (algorithm) => {
  test('every edge of block and padding, alone and together', () => {
    const contents = EDGES.filter((size) => size <= 200).map((size) => seededBytes(size, size));
    expect(hashAsSpans(contents, algorithm)).toEqual(contents.map(reference[algorithm]));
    for (const content of contents)
      expect(hashAsSpans([content], algorithm)).toEqual([reference[algorithm](content)]);
  });

  test('any number of spans of any lengths, back to back', () => {
    fc.assert(
      fc.property(fc.array(length(ARENA_BYTES / 64), { maxLength: 60 }), fc.nat(70), (lengths, gap) => {
        const contents = lengths.map((size, index) => seededBytes(size, index));
        expect(hashAsSpans(contents, algorithm, gap)).toEqual(contents.map(reference[algorithm]));
      }),
      { numRuns: 150 },
    );
  });

  test('the arena is as it was: what is hashed is stored from there', () => {
    const before = seededBytes(ARENA_BYTES, 3);
    hasher.arena().set(before);
    const lengths = Int32Array.from({ length: 500 }, (_, index) => index * 2 + 1);
    const offsets = lengths.map((_, index) => index * index);
    hasher.hashSpans({ offsets, lengths, count: 500 }, algorithm);
    expect(Buffer.compare(hasher.arena(), before)).toBe(0);
  });

  test('more spans than the kernel takes at once', () => {
    const count = 20_000;
    const arena = hasher.arena();
    arena.set(seededBytes(ARENA_BYTES, 4));
    const offsets = Int32Array.from({ length: count }, (_, index) => index * 26);
    const lengths = Int32Array.from({ length: count }, (_, index) => index % 90);
    const digests = hasher.hashSpans({ offsets, lengths, count }, algorithm);
    for (let i = 0; i < count; i += 37) {
      const offset = offsets[i] ?? 0;
      const content = arena.subarray(offset, offset + (lengths[i] ?? 0));
      expect(hexAt(digests, i)).toBe(reference[algorithm](content));
    }
  });

  test('a span at the very end of the arena', () => {
    const arena = hasher.arena();
    arena.set(seededBytes(ARENA_BYTES, 5));
    const lengths = Int32Array.of(1, 70, 0);
    const offsets = Int32Array.from(lengths, (size) => ARENA_BYTES - size);
    const digests = hasher.hashSpans({ offsets, lengths, count: 3 }, algorithm);
    for (const [i, size] of lengths.entries()) {
      expect(hexAt(digests, i)).toBe(reference[algorithm](arena.subarray(ARENA_BYTES - size)));
    }
  });

  test.each([
    { offset: ARENA_BYTES - 9, size: 10 },
    { offset: -1, size: 10 },
    { offset: 0, size: -1 },
  ])('a span outside the arena is refused: $offset + $size', ({ offset, size }) => {
    const spans = { offsets: Int32Array.of(offset), lengths: Int32Array.of(size), count: 1 };
    expect(() => hasher.hashSpans(spans, algorithm)).toThrow('hashing-span-bounds');
  });

  test('a count beyond the table is refused', () => {
    const spans = { offsets: new Int32Array(2), lengths: new Int32Array(1), count: 2 };
    expect(() => hasher.hashSpans(spans, algorithm)).toThrow('hashing-span-rows');
  });
});

describe.each(algorithms)('%s of streams', (algorithm) => {
  test('every edge of block and chunk', () => {
    const contents = EDGES.map((size) => seededBytes(size, size));
    expect(hashAsStreams(contents, algorithm)).toEqual(contents.map(reference[algorithm]));
  });

  test('a stream alone, of every length that matters', () => {
    for (const size of [...EDGES, 1024 * 1024, 1024 * 1024 + 1]) {
      const content = seededBytes(size, size);
      expect(hashAsStreams([content], algorithm)).toEqual([reference[algorithm](content)]);
    }
  });

  test('no streams', () => {
    expect(hashAsStreams([], algorithm)).toEqual([]);
  });

  test('lanes that end in any order, with reads that give less than was asked for', () => {
    fc.assert(
      fc.property(
        fc.array(length(3 * CHUNK_BYTES), { maxLength: 40 }),
        fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 100_000 })),
        (lengths, readMax) => {
          const contents = lengths.map((size, index) => seededBytes(size, index));
          const max = Math.max(readMax, 997);
          expect(hashAsStreams(contents, algorithm, max)).toEqual(contents.map(reference[algorithm]));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('reads of a single byte', () => {
    const contents = [130, 64, 3, 0, 700].map((size) => seededBytes(size, size));
    expect(hashAsStreams(contents, algorithm, 1)).toEqual(contents.map(reference[algorithm]));
  });

  test('a long stream among short ones goes on alone', () => {
    const contents = [5_000_000, ...Array.from({ length: 40 }, (_, index) => index * 100)].map(
      (size, index) => seededBytes(size, index),
    );
    expect(hashAsStreams(contents, algorithm)).toEqual(contents.map(reference[algorithm]));
  });

  test('what a wrong expected size changes is the order only', () => {
    const contents = [300_000, 10, 70_000].map((size) => seededBytes(size, size));
    const digests: string[] = [];
    const streams = contents.map((bytes, index) => ({
      ...streamOf(bytes, { end: (hex) => (digests[index] = hex) }),
      sizeBytes: index,
    }));
    hasher.hashStreams(streams, algorithm);
    expect(digests).toEqual(contents.map(reference[algorithm]));
  });

  test('tap sees exactly the bytes that are hashed, in order', () => {
    const contents = [200_000, 5, 0, 64, 131_072].map((size) => seededBytes(size, size));
    const tapped = contents.map((): Buffer[] => []);
    const streams = contents.map((bytes, index) =>
      streamOf(bytes, {
        readMax: 50_001,
        end: () => {},
        tap: (chunk) => tapped[index]?.push(Buffer.from(chunk)),
      }),
    );
    hasher.hashStreams(streams, algorithm);
    for (const [index, bytes] of contents.entries()) {
      expect(Buffer.concat(tapped[index] ?? []).equals(bytes)).toBe(true);
    }
  });

  test.each(['read', 'tap', 'end'] as const)(
    'an error of %s ends the call, and the next one works',
    (callback) => {
      for (const others of [0, 20]) {
        const failing = {
          ...streamOf(seededBytes(100_000, 1), { end: () => {} }),
          [callback]: () => {
            throw new Error('the disk is gone');
          },
        };

        const streams = Array.from({ length: others }, () =>
          streamOf(seededBytes(90_000, 2), { end: () => {} }),
        );
        expect(() => hasher.hashStreams([...streams, failing], algorithm)).toThrow('the disk is gone');
        const contents = [70_000, 100, 0].map((size) => seededBytes(size, size));
        expect(hashAsStreams(contents, algorithm)).toEqual(contents.map(reference[algorithm]));
      }
    },
  );
});

describe('known vectors', () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);

  test.each([
    ['', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['abc', '900150983cd24fb0d6963f7d28e17f72'],
    ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
    [
      '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
      '57edf4a22be3c955ac49da2e2107b67a',
    ],
  ])('MD5 of RFC 1321: %j', (content, hex) => {
    expect(hashAsSpans([text(content)], 'MD5')).toEqual([hex]);
    expect(hashAsStreams([text(content), text('x')], 'MD5')[0]).toBe(hex);
  });

  test('XXH128 of "hello" as the W&B client writes it', () => {
    const [hex] = hashAsSpans([text('hello')], 'XXH128');
    expect(Uint8Array.fromHex(hex ?? '').toBase64()).toBe('tenBrQcbPn/Hec+qXlI4GA==');
  });
});

test('the arena is as large as the limit says, and always the same memory', async () => {
  const usual = await createContentHasher();
  expect(usual.arena().byteLength).toBe(LIMITS.arenaBytes);
  expect(usual.arena()).toBe(usual.arena());
});

test('permits are held while hashing only, and given back after an error', async () => {
  const permits = HashPermits.create(1);
  const limited = await createContentHasher({ arenaBytes: 1024, permits });
  const spans = { offsets: Int32Array.of(0), lengths: Int32Array.of(1000), count: 1 };
  for (const algorithm of algorithms) {
    limited.hashSpans(spans, algorithm);
    const free: number[] = [];
    const stream = (): HashStream => ({
      ...streamOf(seededBytes(200_000, 1), { end: () => {} }),
      tap: () => free.push(permits.free),
    });
    limited.hashStreams([stream()], algorithm);
    limited.hashStreams([stream(), stream()], algorithm);
    expect(new Set(free)).toEqual(new Set([1]));
    expect(() =>
      limited.hashStreams(
        [
          {
            ...stream(),
            read: () => {
              throw new Error('unreadable');
            },
          },
        ],
        algorithm,
      ),
    ).toThrow('unreadable');
    expect(permits.free).toBe(1);
  }
});
