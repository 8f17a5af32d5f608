import { decodeNames, encodeNames } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countNames, joinNames, sliceNames } from '../src/names-codec.ts';

const names = fc.array(
  fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !name.includes('\0') && name.isWellFormed()),
);

describe('encoded names', () => {
  it('count, slice and join as arrays do', () => {
    fc.assert(
      fc.property(names, names, fc.nat(12), fc.nat(12), (a, b, skip, take) => {
        const bytes = encodeNames(a);
        expect(countNames(bytes)).toBe(a.length);
        expect(decodeNames(sliceNames(bytes, { skip, take }))).toEqual(a.slice(skip, skip + take));
        expect(decodeNames(joinNames(bytes, encodeNames(b)))).toEqual([...a, ...b]);
      }),
      { numRuns: 1_000 },
    );
  });
});
