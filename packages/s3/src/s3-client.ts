import { ArtifactError, throwIfCancelled } from '@waybill/core';
import { type Dispatcher, Pool } from 'undici';
import { AimdLimiter, type Permit } from './aimd-limiter.ts';
import { backoffMs, parseRetryAfter, pause, type RetryPolicy } from './backoff.ts';
import { type BucketAddress, bucketAddress } from './bucket-address.ts';
import type { ByteSource } from './byte-source.ts';
import { artifactErrorOf, failureOfAnswer, failureOfNetwork, S3Failure, type S3Task } from './s3-failure.ts';
import { type S3Credentials, SigV4Signer, UNSIGNED_PAYLOAD } from './sigv4.ts';
import { formatStoreUrl, type S3Location } from './store-url.ts';
import { encodeQuery, encodeUriPath, type Query } from './uri-encoding.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Until the first byte of an answer, and between two bytes of it. Completing a large upload takes minutes. */
const ANSWER_TIMEOUT_MS = 120_000;
const KEEP_ALIVE_MS = 10_000;
const ERROR_BODY_CHARS_MAX = 65_536;
/** For a server that has never answered: a wrong address should not take half a minute to say so. */
const ATTEMPTS_BEFORE_FIRST_ANSWER = 3;
const REQUESTS_AT_START = 16;

export interface S3ClientOptions {
  readonly location: S3Location;
  readonly region: string;
  /** Scheme, host and port, with the path below which the server answers. */
  readonly endpoint: URL;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly pathStyle: boolean;
  readonly credentials: (options: { refresh: boolean }) => Promise<S3Credentials>;
  readonly retries: RetryPolicy;
  readonly requestsMax: number;
}

export interface S3Request {
  /** As it goes behind "cannot": `write object a/b`. */
  readonly operation: string;
  /** The object's key as callers know it; `undefined` for requests to the bucket. */
  readonly key?: string | undefined;
  readonly method: 'DELETE' | 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly query?: Query;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: ByteSource;
  /** Statuses besides 2xx that `read` wants to see. */
  readonly statuses?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData['body'];
  /** How many times the request was sent, this one included. */
  readonly attempt: number;
}

/**
 * Sends signed requests to one bucket over sockets that stay open. Every request of ours may be repeated: it either
 * reads, or writes the same bytes under the same key.
 */
export class S3Client implements AsyncDisposable {
  /** `s3://bucket/prefix` */
  readonly store: string;
  readonly location: S3Location;
  readonly address: BucketAddress;
  readonly retries: RetryPolicy;
  readonly limiter: AimdLimiter;
  /** False once the server refused a conditional write as something it has not implemented. */
  knowsConditions = true;
  readonly #pool: Pool;
  readonly #signer: SigV4Signer;
  readonly #credentials: S3ClientOptions['credentials'];
  #wasAnswered = false;
  #refresh = false;

  constructor(options: S3ClientOptions) {
    const { location, endpoint, pathStyle } = options;
    this.location = location;
    this.store = formatStoreUrl(location);
    this.retries = options.retries;
    this.limiter = new AimdLimiter({ start: REQUESTS_AT_START, max: options.requestsMax });
    this.address = bucketAddress({ endpoint, bucket: location.bucket, pathStyle });
    this.#signer = new SigV4Signer({ region: options.region, service: 's3' });
    this.#credentials = options.credentials;
    // The limiter bounds requests; a bound on sockets would have readers of streams wait for each other.
    this.#pool = new Pool(this.address.origin, {
      connections: null,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      connect: { timeout: CONNECT_TIMEOUT_MS },
    });
  }

  /**
   * Sends a request until it is answered, and answers what `read` makes of that. `read` consumes the body, or hands
   * it on; an `S3Failure` it throws is a failure of the attempt.
   *
   * @throws ArtifactError as the port says; what `read` throws otherwise is passed on
   */
  async send<T>(request: S3Request, read: (answer: S3Answer) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(request, { attempt, read });
      } catch (error) {
        throwIfCancelled(request.signal);
        if (!(error instanceof S3Failure)) throw error;
        if (!this.#mayRetry(error, attempt)) throw artifactErrorOf(error, this.taskOf(request));
        await this.pauseAfter(error, attempt, request.signal);
      }
    }
  }

  /** Waits as long as one does behind attempt `attempt`. */
  async pauseAfter(failure: S3Failure, attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const { retryAfterMs } = failure;
    await pause(backoffMs(this.retries, { attempt, retryAfterMs, chance: Math.random() }), signal);
  }

  taskOf(request: { operation: string; key?: string | undefined }): S3Task {
    return {
      operation: request.operation,
      subject: request.key ?? this.store,
      store: this.store,
      bucket: this.location.bucket,
    };
  }

  #mayRetry(failure: S3Failure, attempt: number): boolean {
    if (failure.s3Code === 'ExpiredToken' || failure.s3Code === 'InvalidToken') {
      this.#refresh = true;
      return attempt === 1;
    }
    const attempts = this.#wasAnswered ? this.retries.attempts : ATTEMPTS_BEFORE_FIRST_ANSWER;
    return failure.retryable && attempt < Math.min(attempts, this.retries.attempts);
  }

  async #attempt<T>(
    request: S3Request,
    { attempt, read }: { attempt: number; read: (answer: S3Answer) => Promise<T> },
  ): Promise<T> {
    using permit: Permit = await this.limiter.acquire(request.signal);
    let body: S3Answer['body'] | undefined;
    try {
      const answer = await this.#dispatch(request);
      const { statusCode: status, headers } = answer;
      ({ body } = answer);
      this.#wasAnswered = true;
      const isWanted = (status >= 200 && status < 300) || request.statuses?.includes(status) === true;
      if (!isWanted) throw await failureOf({ status, headers, body });
      const result = await read({ status, headers, body, attempt });
      permit.succeeded();
      return result;
    } catch (error) {
      if (body !== undefined) discard(body);
      const failure = error instanceof S3Failure || error instanceof ArtifactError ? error : asFailure(error);
      if (failure instanceof S3Failure && failure.overloaded) permit.overloaded();
      throw failure;
    }
  }

  async #dispatch(request: S3Request): Promise<Dispatcher.ResponseData> {
    const refresh = this.#refresh;
    this.#refresh = false;
    const credentials = await this.#credentials({ refresh });
    throwIfCancelled(request.signal);
    const { method, body, signal } = request;
    const path = this.#pathOf(request.key);
    const query = encodeQuery(request.query ?? []);
    const headers: Record<string, string> = { ...request.headers, host: this.address.host };
    if (body !== undefined) headers['content-length'] = String(body.sizeBytes);
    return this.#pool.request({
      method,
      path: query === '' ? path : `${path}?${query}`,
      headers: this.#signer.sign(
        { method, path, query, headers, payloadHash: UNSIGNED_PAYLOAD },
        credentials,
        new Date(),
      ),
      body: body === undefined ? null : asBody(body),
      signal: signal ?? null,
      // Without this undici closes the socket behind a HEAD.
      reset: false,
    });
  }

  #pathOf(key: string | undefined): string {
    const { path } = this.address;
    if (key === undefined) return path === '' ? '/' : path;
    return `${path}/${encodeUriPath(this.location.prefix + key)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

type RequestBody = NonNullable<Dispatcher.DispatchOptions['body']>;

/** undici takes iterables as bodies; its types do not say so. */
function asBody(source: ByteSource): RequestBody {
  return source.open() as RequestBody;
}

/** What nobody reads any more would hold its socket. */
function discard(body: S3Answer['body']): void {
  body.on('error', () => undefined).destroy();
}

/** Errors of our own that came through undici keep their meaning. */
function asFailure(error: unknown): S3Failure | ArtifactError {
  const cause = Error.isError(error) ? error.cause : undefined;
  return cause instanceof ArtifactError ? cause : failureOfNetwork(error);
}

async function failureOf(answer: Omit<S3Answer, 'attempt'>): Promise<S3Failure> {
  const retryAfter = answer.headers['retry-after'];
  return failureOfAnswer({
    status: answer.status,
    headers: answer.headers,
    body: await readErrorBody(answer.body),
    retryAfterMs: parseRetryAfter(typeof retryAfter === 'string' ? retryAfter : undefined, Date.now()),
  });
}

/** The status says enough where the body is cut off. */
async function readErrorBody(body: S3Answer['body']): Promise<string> {
  let text = '';
  try {
    for await (const chunk of body) {
      text += Buffer.from(chunk as Uint8Array).toString('utf8');
      if (text.length > ERROR_BODY_CHARS_MAX) break;
    }
  } catch {
    return text;
  }
  return text;
}
