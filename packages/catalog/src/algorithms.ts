import { ArtifactError, type DigestAlgorithm } from '@waybill/core';

/** How the blob index writes an algorithm: one byte instead of a word in every row. */
const CODES = { MD5: 1, XXH128: 2 } as const;

export function algorithmCode(algorithm: DigestAlgorithm): number {
  return CODES[algorithm];
}

/** @throws ArtifactError `CORRUPT` for a number no catalog writes. */
export function algorithmOf(code: number | null): DigestAlgorithm {
  if (code === CODES.MD5) return 'MD5';
  if (code === CODES.XXH128) return 'XXH128';
  throw new ArtifactError(
    'CORRUPT',
    `the catalog names a digest algorithm ${code}; restore it from a backup`,
  );
}
