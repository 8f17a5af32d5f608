import { ArtifactError } from '@waybill/core';

const MIB = 1_048_576;

/** "Multipart upload limits" of the Amazon S3 User Guide. */
export const PART_LIMITS = { minBytes: 5_242_880, maxBytes: 5_368_709_120, count: 10_000 } as const;

/** Objects up to this size are written by one request: a full pack with its footer is. */
export const SINGLE_PUT_BYTES: number = 80 * MIB;

/** Size of parts while it does not matter: large enough to hide a round trip, small enough to repeat. */
const USUAL_PART_BYTES = 16 * MIB;

/** Parts of a stream double after so many, since its length is unknown, until memory is too dear: 1.8 TB in all. */
const PARTS_BEFORE_DOUBLING = 1_000;
const STREAM_PART_BYTES_MAX = 256 * MIB;

/**
 * Size of all parts of an object but the last one, in whole MiB.
 *
 * @throws ArtifactError `LIMIT_EXCEEDED` for an object that no number of parts holds
 */
export function partSizeBytes(objectBytes: number): number {
  const needed = Math.ceil(objectBytes / PART_LIMITS.count / MIB) * MIB;
  if (needed > PART_LIMITS.maxBytes) {
    throw new ArtifactError(
      'LIMIT_EXCEEDED',
      `an object of ${objectBytes} bytes is larger than ${PART_LIMITS.count} parts of ${PART_LIMITS.maxBytes} bytes; split the file`,
    );
  }
  return Math.max(needed, USUAL_PART_BYTES);
}

/**
 * Size of part `number` (from 1) of a stream whose length nobody knows yet.
 *
 * @throws ArtifactError `LIMIT_EXCEEDED` for one part more than an object may have
 */
export function streamPartBytes(number: number): number {
  if (number > PART_LIMITS.count) {
    throw new ArtifactError(
      'LIMIT_EXCEEDED',
      `a stream fills more than ${PART_LIMITS.count} parts; split it`,
    );
  }
  return Math.min(
    STREAM_PART_BYTES_MAX,
    USUAL_PART_BYTES * 2 ** Math.floor((number - 1) / PARTS_BEFORE_DOUBLING),
  );
}
