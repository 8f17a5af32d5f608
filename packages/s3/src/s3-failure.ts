import { ArtifactError, type ErrorCode } from '@waybill/core';
import { xmlText } from './scan-xml.ts';

/** What was being done on what, for messages. */
export interface S3Task {
  /** As it goes behind "cannot": `write object a/b`. */
  readonly operation: string;
  /** The object's key as callers know it, or the store. */
  readonly subject: string;
  /** `s3://bucket/prefix` */
  readonly store: string;
  readonly bucket: string;
}

/** A request that did not get what it wanted; becomes an `ArtifactError` where it leaves the client. */
export class S3Failure extends Error {
  /** HTTP status; 0 when there was no whole answer. */
  readonly status: number;
  /** `Code` of the error document, or what the network says: `SlowDown`, `ECONNRESET`. */
  readonly s3Code: string;
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Where the bucket is, when the server tells. */
  readonly region: string | undefined;

  constructor(failure: {
    status: number;
    s3Code: string;
    message: string;
    retryable: boolean;
    requestId?: string | undefined;
    retryAfterMs?: number | undefined;
    region?: string | undefined;
    cause?: unknown;
  }) {
    super(failure.message, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.name = 'S3Failure';
    this.status = failure.status;
    this.s3Code = failure.s3Code;
    this.retryable = failure.retryable;
    this.requestId = failure.requestId;
    this.retryAfterMs = failure.retryAfterMs;
    this.region = failure.region;
  }

  /** The server cannot keep up. */
  get overloaded(): boolean {
    return this.status === 503 || this.status === 429 || this.s3Code === 'SlowDown';
  }
}

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** Codes of "Error responses" of the S3 API Reference that come with a status we would not retry, or inside of a 200. */
const RETRYABLE_CODES: ReadonlySet<string> = new Set([
  'BadDigest',
  'ConditionalRequestConflict',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
]);

/** An error document, also one that came with status 200. */
export function failureOfAnswer(answer: {
  status: number;
  body: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  retryAfterMs: number | undefined;
}): S3Failure {
  const s3Code = xmlText(answer.body, 'Code') ?? `HTTP ${answer.status}`;
  const region = answer.headers['x-amz-bucket-region'];
  const requestId = answer.headers['x-amz-request-id'];
  return new S3Failure({
    status: answer.status,
    s3Code,
    message: xmlText(answer.body, 'Message') ?? `the server answered ${answer.status}`,
    retryable: RETRYABLE_STATUS.has(answer.status) || RETRYABLE_CODES.has(s3Code),
    requestId: typeof requestId === 'string' ? requestId : xmlText(answer.body, 'RequestId'),
    retryAfterMs: answer.retryAfterMs,
    region: typeof region === 'string' ? region : xmlText(answer.body, 'Region'),
  });
}

/** Names that undici and the system give to what may go away by itself. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_ABORTED',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_SOCKET',
]);

/** A request that broke off. */
export function failureOfNetwork(error: unknown): S3Failure {
  const code = Error.isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const text = Error.isError(error) ? error.message : String(error);
  return new S3Failure({
    status: 0,
    s3Code: code,
    message: text === '' ? code : text,
    // What the HTTP parser says begins with HPE_: bytes were cut off or mixed up.
    retryable: TRANSIENT.has(code) || code.startsWith('HPE_'),
    cause: error,
  });
}

/** An answer that is not what the server owes us: cut off, or not its own. */
export function brokenAnswer(problem: string): S3Failure {
  return new S3Failure({ status: 0, s3Code: 'BrokenAnswer', message: problem, retryable: true });
}

interface Explanation {
  readonly code: ErrorCode;
  readonly advice: string;
}

const KEYS_ADVICE = 'check the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...) and what they may do there';
const SPACE: Explanation = {
  code: 'NO_SPACE',
  advice: 'raise the quota or remove versions, then run `waybill gc`',
};

const BY_S3_CODE: Readonly<Record<string, Explanation>> = {
  NoSuchBucket: {
    code: 'IO',
    advice: 'there is no such bucket; create it, or correct the name in WAYBILL_STORE',
  },
  NoSuchKey: { code: 'MISSING_BLOB', advice: 'run `waybill store check`' },
  QuotaExceeded: SPACE,
  XMinioStorageFull: SPACE,
  EntityTooLarge: { code: 'LIMIT_EXCEEDED', advice: 'the server takes no object that large; split the file' },
  RequestTimeTooSkewed: {
    code: 'PERMISSION',
    advice: 'set the clock of this machine, then run the command again',
  },
  SignatureDoesNotMatch: {
    code: 'PERMISSION',
    advice: 'check AWS_SECRET_ACCESS_KEY, and that no proxy changes requests',
  },
  ExpiredToken: { code: 'PERMISSION', advice: 'log in again, then run the command again' },
  InvalidToken: { code: 'PERMISSION', advice: KEYS_ADVICE },
};

/** What left the client: names store, object and what to do. Nothing of the request is in it but these. */
export function artifactErrorOf(failure: S3Failure, task: S3Task): ArtifactError {
  const { code, advice } = explain(failure, task);
  const what = failure.s3Code === '' ? failure.message : `${failure.s3Code}: ${failure.message}`;
  return new ArtifactError(
    code,
    `cannot ${task.operation} in ${task.store}: ${what.replace(/\.$/, '')}; ${advice}`,
    {
      cause: failure.cause,
      details: {
        operation: task.operation,
        subject: task.subject,
        bucket: task.bucket,
        status: failure.status,
        s3Code: failure.s3Code,
        ...(failure.requestId === undefined ? {} : { requestId: failure.requestId }),
      },
    },
  );
}

function explain(failure: S3Failure, { bucket }: S3Task): Explanation {
  const known = BY_S3_CODE[failure.s3Code];
  if (known !== undefined) return known;
  const { status, region } = failure;
  if (status === 301 || status === 307 || failure.s3Code === 'AuthorizationHeaderMalformed') {
    const where = region === undefined ? '' : ` (${region})`;
    return { code: 'IO', advice: `bucket ${bucket} is in another region; set AWS_REGION to it${where}` };
  }
  if (status === 401 || status === 403) return { code: 'PERMISSION', advice: KEYS_ADVICE };
  if (status === 404) return { code: 'MISSING_BLOB', advice: 'run `waybill store check`' };
  if (status === 507) return SPACE;
  if (status === 0) {
    return { code: 'IO', advice: 'check the network and AWS_ENDPOINT_URL, then run the command again' };
  }
  return { code: 'IO', advice: 'run the command again; if it stays, ask those who run the server' };
}
