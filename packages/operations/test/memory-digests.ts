import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ContentHasher, DigestAlgorithm, Digests, IncrementalDigest } from '@waybill/core';

/** MD5 for both algorithms; the second one is salted, so that they differ. */
export function createMemoryDigest(algorithm: DigestAlgorithm): IncrementalDigest {
  const hash = createHash('md5').update(algorithm === 'MD5' ? '' : 'salt');
  return {
    update: (data) => void hash.update(data),
    digest: () => new Uint8Array(hash.digest()),
  };
}

export function digestOf(content: Uint8Array | string, algorithm: DigestAlgorithm = 'MD5'): Uint8Array {
  const digest = createMemoryDigest(algorithm);
  digest.update(content);
  return digest.digest();
}

export const memoryDigests: Digests = { createDigest: createMemoryDigest, crc32: (bytes) => crc32(bytes) };

/** A hasher with little memory, so that small tests pass every edge of it. */
export function createMemoryHasher(arenaBytes: number): ContentHasher {
  const arena = new Uint8Array(arenaBytes);
  return {
    arena: () => arena,
    hashSpans({ offsets, lengths, count }, algorithm) {
      const digests = new Uint8Array(count * 16);
      for (let row = 0; row < count; row++) {
        const start = offsets[row] ?? 0;
        digests.set(digestOf(arena.subarray(start, start + (lengths[row] ?? 0)), algorithm), row * 16);
      }
      return digests;
    },
    hashStreams(streams, algorithm) {
      const open = streams.map((stream) => ({ stream, digest: createMemoryDigest(algorithm) }));
      const buffer = new Uint8Array(64);
      while (open.length > 0) {
        for (const lane of [...open]) {
          const length = lane.stream.read(buffer);
          const chunk = buffer.subarray(0, length);
          if (length > 0) {
            lane.stream.tap?.(chunk);
            lane.digest.update(chunk);
            continue;
          }
          lane.stream.end(lane.digest.digest());
          open.splice(open.indexOf(lane), 1);
        }
      }
    },
  };
}
