import type { DigestAlgorithm } from '../digest.ts';

/** A digest computed piece by piece. */
export interface IncrementalDigest {
  /** Text is hashed as UTF-8. */
  update(data: Uint8Array | string): void;
  /** 16 raw bytes; ends the digest. */
  digest(): Uint8Array;
}

/** Digests and checksums for the main thread: the logical digest, verifying while streaming, footers. */
export interface Digests {
  createDigest(algorithm: DigestAlgorithm): IncrementalDigest;
  crc32(bytes: Uint8Array): number;
}
