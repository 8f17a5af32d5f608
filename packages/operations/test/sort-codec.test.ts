import { compareUtf8, type Entry } from '@waybill/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeDifference,
  decodeEntry,
  encodeDifference,
  encodeDigestKey,
  encodeEntry,
  encodePosition,
  POSITION_CHARS,
} from '../src/sort-codec.ts';

const entries: fc.Arbitrary<Entry> = fc.record({
  path: fc.string({ unit: 'grapheme' }),
  digest: fc.oneof(
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => bytes.toBase64()),
    fc.string(),
  ),
  sizeBytes: fc.option(fc.nat(), { nil: undefined }),
});

test('positions sort like numbers', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 45 - 1 }), fc.nat({ max: 2 ** 45 - 1 }), (a, b) => {
      expect(Math.sign(compareUtf8(encodePosition(a), encodePosition(b)))).toBe(Math.sign(a - b));
      expect(encodePosition(a)).toHaveLength(POSITION_CHARS);
      expect(encodePosition(a).isWellFormed()).toBe(true);
    }),
    {
      examples: [
        [2 ** 45 - 1, 2 ** 15],
        [2 ** 30, 2 ** 30 - 1],
        [0, 1],
      ],
    },
  );
});

test('digest keys are equal for equal digests only, and none is the beginning of another', () => {
  const digests = entries.map(({ digest }) => digest);
  fc.assert(
    fc.property(digests, digests, (a, b) => {
      fc.pre(!a.includes('\0') && !b.includes('\0'));
      expect(encodeDigestKey(a) === encodeDigestKey(b)).toBe(a === b);
      if (a !== b) expect(encodeDigestKey(a).startsWith(encodeDigestKey(b))).toBe(false);
      expect(encodeDigestKey(a).isWellFormed() || !a.isWellFormed()).toBe(true);
    }),
  );
  const near = Uint8Array.from({ length: 16 }, () => 0xff);
  const key = encodeDigestKey(near.toBase64());
  for (let bit = 0; bit < 128; bit++) {
    const other = near.slice();
    other[bit >> 3] = 0xff ^ (1 << (bit & 7));
    expect(encodeDigestKey(other.toBase64())).not.toBe(key);
  }
});

test('entries and differences come back', () => {
  fc.assert(
    fc.property(entries, fc.string(), (entry, fromPath) => {
      expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
      expect(decodeDifference(encodeDifference('+', encodeEntry(entry)))).toEqual({
        kind: 'added',
        ...entry,
      });
      expect(decodeDifference(encodeDifference('-', encodeEntry(entry)))).toEqual({
        kind: 'removed',
        ...entry,
      });
      const moved = decodeDifference(encodeDifference('>', encodeEntry(entry), fromPath));
      expect(moved).toEqual({ kind: 'moved', fromPath, ...entry });
    }),
  );
});
