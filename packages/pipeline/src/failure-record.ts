import { type EncodedError, type ErrorCode, encodeError } from '@waybill/core';

/** Whether every shard was known when the ingest failed. */
export type FailedIn = 'PLANNING' | 'RUNNING';

/**
 * Errors that only a new walk can get rid of: of the sources, or of what an earlier walk staged. After all others,
 * such as a full disk, what was finished is as good as before.
 */
const NEEDS_NEW_WALK: readonly ErrorCode[] = [
  'SOURCE_NOT_FOUND',
  'SOURCE_UNREADABLE',
  'SOURCE_CHANGED',
  'SOURCE_LEFT_OUT',
  'PATH_CONFLICT',
  'INVALID_PATH',
  'CORRUPT',
];

/** What goes on record when an ingest fails: the error, and where a retry may go on. */
export function failureRecord(error: unknown, failedIn: FailedIn): EncodedError {
  const encoded = encodeError(error);
  return { ...encoded, details: { ...encoded.details, failedIn } };
}

/** The state in which a failed ingest can go on with what it had finished; `undefined` when it has to be planned anew. */
export function goOnIn(error: EncodedError | undefined): FailedIn | undefined {
  if (error === undefined || NEEDS_NEW_WALK.includes(error.code)) return undefined;
  const { failedIn } = error.details;
  return failedIn === 'PLANNING' || failedIn === 'RUNNING' ? failedIn : undefined;
}
