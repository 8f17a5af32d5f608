import { compareBytes, compareUtf8 } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const sign = Math.sign;

describe('UTF-8 order', () => {
  it('equals memcmp of the encoded strings', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        (a, b, prefix) => {
          const left = prefix + a;
          const right = prefix + b;
          expect(sign(compareUtf8(left, right))).toBe(
            sign(Buffer.compare(Buffer.from(left), Buffer.from(right))),
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('is right at every border of the encoding, for every pair', () => {
    const characters = [
      0, 0x7f, 0x80, 0x7ff, 0x800, 0xbfff, 0xc000, 0xd55c, 0xd7ff, 0xe000, 0xff01, 0xffff, 0x10000, 0x10ffff,
    ];
    for (const left of characters) {
      for (const right of characters) {
        expect(sign(compareUtf8(String.fromCodePoint(left), String.fromCodePoint(right)))).toBe(
          sign(left - right),
        );
      }
    }
  });

  it('differs from the default order where astral characters meet U+E000..U+FFFF', () => {
    const names = ['\u{1f600}', '\ufb01', 'z'];
    expect(names.toSorted(compareUtf8)).toEqual(['z', '\ufb01', '\u{1f600}']);
    expect(names.toSorted()).not.toEqual(names.toSorted(compareUtf8));
  });

  it('compares bytes with the shorter prefix first', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(sign(compareBytes(a, b))).toBe(sign(Buffer.compare(a, b)));
      }),
    );
  });
});
