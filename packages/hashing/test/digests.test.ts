import { createHash } from 'node:crypto';
import type { DigestAlgorithm, Digests } from '@waybill/core';
import fc from 'fast-check';
import { createXXHash128 } from 'hash-wasm';
import { beforeAll, describe, expect, test } from 'vitest';
import { createDigests } from '../src/digests.ts';

let digests: Digests;
let reference: Record<DigestAlgorithm, (bytes: Uint8Array) => string>;
beforeAll(async () => {
  digests = await createDigests();
  const xxh128 = await createXXHash128();
  reference = {
    MD5: (bytes) => createHash('md5').update(bytes).digest('hex'),
    XXH128: (bytes) => xxh128.init().update(bytes).digest('hex'),
  };
});

describe.each(['MD5', 'XXH128'] as const)('%s piece by piece', (algorithm) => {
  test('any number of digests that take turns', () => {
    const pieces = fc.array(fc.record({ of: fc.nat(4), bytes: fc.uint8Array({ maxLength: 700 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(pieces, (updates) => {
        const running = Array.from({ length: 5 }, () => digests.createDigest(algorithm));
        for (const { of, bytes } of updates) running[of]?.update(bytes);
        for (const [index, digest] of running.entries()) {
          const whole = Buffer.concat(updates.filter(({ of }) => of === index).map(({ bytes }) => bytes));
          expect(digest.digest().toHex()).toBe(reference[algorithm](whole));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('text counts as UTF-8', () => {
    const digest = digests.createDigest(algorithm);
    digest.update('Gr\u00fc\u00dfe ');
    digest.update('\u{1f69a}');
    expect(digest.digest().toHex()).toBe(
      reference[algorithm](new TextEncoder().encode('Gr\u00fc\u00dfe \u{1f69a}')),
    );
  });

  test('the digest is the caller\u2019s to keep', () => {
    const first = digests.createDigest(algorithm).digest();
    const copy = first.slice();
    const other = digests.createDigest(algorithm);
    other.update('something else');
    expect(other.digest()).not.toEqual(first);
    expect(first).toEqual(copy);
  });
});

test('CRC-32 is that of zip and gzip', () => {
  expect(digests.crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
});
