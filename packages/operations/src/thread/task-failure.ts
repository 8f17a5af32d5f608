import { ArtifactError, DIGEST_BYTES, digestToBase64, type ErrorCode, type FileFailure } from '@waybill/core';

const OF_ALL: readonly ErrorCode[] = ['NO_SPACE', 'CANCELLED', 'INTERNAL'];

/**
 * The failure of one file, so that the others go on. A full disk and what is no known error are thrown on: no other
 * file would fare better.
 */
export function failureOf(path: string, error: unknown): FileFailure {
  if (!isOfOneFile(error)) throw error;
  return { path, code: error.code, message: error.message };
}

/** Whether other files may be fine although this happened. */
export function isOfOneFile(error: unknown): error is ArtifactError {
  return error instanceof ArtifactError && !OF_ALL.includes(error.code);
}

export function sameDigest(left: Uint8Array, right: Uint8Array): boolean {
  for (let index = 0; index < DIGEST_BYTES; index++) if (left[index] !== right[index]) return false;
  return true;
}

/** Row `row` of a table of digests. */
export function digestAt(digests: Uint8Array, row: number): Uint8Array {
  return digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES);
}

export function wrongDigest(expected: Uint8Array, found: Uint8Array): string {
  return `expected digest ${digestToBase64(expected)}, found ${digestToBase64(found)}`;
}
