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
