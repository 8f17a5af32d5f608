/**
 * Every error code of the product, with what a caller may do about it.
 *
 * `retryable` says whether the same call may succeed later without anybody changing anything.
 * `outcome` groups codes for exit statuses and HTTP answers; the mapping itself lives at the edges.
 */
export const ERROR_CODES = {
  INVALID_ARGUMENT: { retryable: false, outcome: 'usage' },
  INVALID_NAME: { retryable: false, outcome: 'usage' },
  INVALID_ALIAS: { retryable: false, outcome: 'usage' },
  INVALID_METADATA: { retryable: false, outcome: 'usage' },
  INVALID_GLOB: { retryable: false, outcome: 'usage' },
  INVALID_PATH: { retryable: false, outcome: 'failed' },
  NOT_FOUND: { retryable: false, outcome: 'not-found' },
  SOURCE_NOT_FOUND: { retryable: false, outcome: 'not-found' },
  SOURCE_UNREADABLE: { retryable: false, outcome: 'failed' },
  SOURCE_CHANGED: { retryable: true, outcome: 'failed' },
  SOURCE_LEFT_OUT: { retryable: false, outcome: 'failed' },
  PATH_CONFLICT: { retryable: false, outcome: 'conflict' },
  TYPE_CONFLICT: { retryable: false, outcome: 'conflict' },
  ALIAS_CONFLICT: { retryable: false, outcome: 'conflict' },
  STATE_CONFLICT: { retryable: false, outcome: 'conflict' },
  BUSY: { retryable: true, outcome: 'conflict' },
  TARGET_CONFLICT: { retryable: false, outcome: 'conflict' },
  OBJECT_EXISTS: { retryable: false, outcome: 'conflict' },
  CORRUPT: { retryable: false, outcome: 'verification' },
  MISSING_BLOB: { retryable: false, outcome: 'verification' },
  VERIFY_FAILED: { retryable: false, outcome: 'verification' },
  NO_SPACE: { retryable: true, outcome: 'failed' },
  PERMISSION: { retryable: false, outcome: 'failed' },
  IO: { retryable: true, outcome: 'failed' },
  UNSUPPORTED: { retryable: false, outcome: 'failed' },
  TOO_NEW: { retryable: false, outcome: 'failed' },
  LIMIT_EXCEEDED: { retryable: false, outcome: 'failed' },
  CANCELLED: { retryable: false, outcome: 'failed' },
  INGEST_FAILED: { retryable: false, outcome: 'failed' },
  INTERNAL: { retryable: false, outcome: 'failed' },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;
export type ErrorOutcome = (typeof ERROR_CODES)[ErrorCode]['outcome'];

/** Plain data only: it crosses threads, queues and the wire. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface ArtifactErrorOptions {
  /** The error underneath; always passed on when there is one. */
  readonly cause?: unknown;
  /** What was being done, on what: `operation`, `subject`, `problems`, ... */
  readonly details?: ErrorDetails;
}

/** The one error type of the product. Match on `code`, never on the message. */
export class ArtifactError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: ArtifactErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ArtifactError';
    this.code = code;
    this.details = options.details ?? {};
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  get outcome(): ErrorOutcome {
    return ERROR_CODES[this.code].outcome;
  }
}

/** An error as data: what crosses a thread, a queue or the wire. */
export interface EncodedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly stack?: string;
  readonly cause?: EncodedError;
}

const CAUSE_DEPTH_MAX = 8;

/** Turns anything thrown into data. Foreign errors become `INTERNAL` and keep their message and stack. */
export function encodeError(error: unknown, depth = 0): EncodedError {
  const known = error instanceof ArtifactError;
  const isError = Error.isError(error);
  const cause = isError && error.cause !== undefined && depth < CAUSE_DEPTH_MAX ? error.cause : undefined;
  return {
    code: known ? error.code : 'INTERNAL',
    message: isError ? error.message : String(error),
    details: known ? error.details : {},
    ...(isError && error.stack !== undefined ? { stack: error.stack } : {}),
    ...(cause === undefined ? {} : { cause: encodeError(cause, depth + 1) }),
  };
}

/** The reverse of {@link encodeError}; the stack of the sender is kept. */
export function decodeError(encoded: EncodedError): ArtifactError {
  const error = new ArtifactError(encoded.code, encoded.message, {
    details: encoded.details,
    ...(encoded.cause === undefined ? {} : { cause: decodeError(encoded.cause) }),
  });
  if (encoded.stack !== undefined) error.stack = encoded.stack;
  return error;
}

/** For what cannot happen. `id` is fixed in the text, so that a report from the field finds its line. */
export function invariant(condition: boolean, id: string, message: string): asserts condition {
  if (!condition) throw new ArtifactError('INTERNAL', `${message} (invariant ${id}); please report this`);
}

/** Throws `CANCELLED` when the signal is aborted; an `ArtifactError` given as abort reason is thrown as it is. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  if (signal.reason instanceof ArtifactError) throw signal.reason;
  throw new ArtifactError('CANCELLED', 'cancelled before it was finished', { cause: signal.reason });
}
