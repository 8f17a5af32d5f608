import { crc32 } from 'node:zlib';
import {
  decodePackFooter,
  encodePackFooter,
  PACK_TRAILER_BYTES,
  type PackFooter,
  packFooterBytes,
} from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const footers = fc
  .record({
    algorithm: fc.constantFrom('MD5' as const, 'XXH128' as const),
    blobs: fc.array(
      fc.record({ digest: fc.uint8Array({ minLength: 16, maxLength: 16 }), length: fc.nat(5_000_000) }),
    ),
  })
  .map(({ algorithm, blobs }): PackFooter => {
    const offsets = new Float64Array(blobs.length);
    let blobBytes = 2 ** 33;
    for (const [row, { length }] of blobs.entries()) {
      offsets[row] = blobBytes;
      blobBytes += length;
    }
    return {
      algorithm,
      blobBytes,
      blobs: {
        digests: Uint8Array.from(blobs.flatMap(({ digest }) => [...digest])),
        offsets,
        lengths: Float64Array.from(blobs, ({ length }) => length),
      },
    };
  });

describe('pack footer', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(footers, (footer) => {
        const bytes = encodePackFooter(footer, crc32);
        expect(packFooterBytes(bytes.subarray(-PACK_TRAILER_BYTES), 'p')).toBe(bytes.length);
        expect(decodePackFooter(bytes, { key: 'p', crc32 })).toEqual(footer);
      }),
    );
  });

  it('notices any changed byte and any cut', () => {
    fc.assert(
      fc.property(footers, fc.nat(), fc.integer({ min: 1, max: 255 }), (footer, position, change) => {
        const bytes = encodePackFooter(footer, crc32);
        const at = position % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ change;
        expect(() => decodePackFooter(bytes, { key: 'the-pack', crc32 })).toThrow('the-pack');
        bytes[at] = (bytes[at] ?? 0) ^ change;
        expect(() => decodePackFooter(bytes.subarray(1), { key: 'the-pack', crc32 })).toThrow('the-pack');
      }),
    );
  });
});
