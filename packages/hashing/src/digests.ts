import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { DigestAlgorithm, Digests, IncrementalDigest } from '@waybill/core';
import { Xxh128 } from './xxh128.ts';

/** Incremental digests and checksums; any number of digests may be under way at the same time. */
export async function createDigests(): Promise<Digests> {
  const xxh128 = await Xxh128.create();
  return {
    createDigest: (algorithm) => createDigest(algorithm, xxh128),
    crc32: (bytes) => crc32(bytes),
  };
}

/** One stream: nothing is faster than node:crypto for MD5. */
export function createDigest(algorithm: DigestAlgorithm, xxh128: Xxh128): IncrementalDigest {
  switch (algorithm) {
    case 'MD5':
      return createMd5Digest();
    case 'XXH128':
      return xxh128.createDigest();
  }
}

function createMd5Digest(): IncrementalDigest {
  const hash = createHash('md5');
  return {
    update: (data) => {
      hash.update(data);
    },
    digest: () => new Uint8Array(hash.digest()),
  };
}
