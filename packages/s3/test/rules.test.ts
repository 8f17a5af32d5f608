import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, parseRetryAfter, USUAL_RETRIES } from '../src/backoff.ts';
import { PART_LIMITS, partSizeBytes, streamPartBytes } from '../src/part-sizes.ts';
import { artifactErrorOf, failureOfAnswer, failureOfNetwork } from '../src/s3-failure.ts';
import { formatStoreUrl, parseStoreUrl } from '../src/store-url.ts';

const LARGEST_BYTES = PART_LIMITS.count * PART_LIMITS.maxBytes;

describe('sizes of parts', () => {
  test('keep within the limits of S3 whatever the object', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (number) => {
        const objectBytes = number % (LARGEST_BYTES + 1);
        const partBytes = partSizeBytes(objectBytes);
        expect(partBytes).toBeGreaterThanOrEqual(PART_LIMITS.minBytes);
        expect(partBytes).toBeLessThanOrEqual(PART_LIMITS.maxBytes);
        expect(Math.ceil(objectBytes / partBytes)).toBeLessThanOrEqual(PART_LIMITS.count);
      }),
      { verbose: 1 },
    );
    expect(partSizeBytes(LARGEST_BYTES)).toBe(PART_LIMITS.maxBytes);
    expect(() => partSizeBytes(LARGEST_BYTES + 1)).toThrow(/split the file/);
  });

  test('of a stream hold 1.8 TB in all', () => {
    let sum = 0;
    for (let number = 1; number <= PART_LIMITS.count; number++) {
      expect(streamPartBytes(number)).toBeGreaterThanOrEqual(PART_LIMITS.minBytes);
      expect(streamPartBytes(number)).toBeLessThanOrEqual(268_435_456);
      sum += streamPartBytes(number);
    }
    expect(sum).toBeGreaterThan(1.8e12);
    expect(() => streamPartBytes(PART_LIMITS.count + 1)).toThrow(/split it/);
  });
});

describe('waiting', () => {
  test('doubles up to a cap and honours what the server asks for', () => {
    const wait = (attempt: number, chance = 0): number =>
      backoffMs(USUAL_RETRIES, { attempt, retryAfterMs: undefined, chance });
    expect([1, 2, 3, 20].map((attempt) => wait(attempt))).toEqual([200, 400, 800, 8_000]);
    expect(wait(1, 0.999)).toBeGreaterThan(139);
    expect(backoffMs(USUAL_RETRIES, { attempt: 1, retryAfterMs: 3_000, chance: 0 })).toBe(3_000);
    expect(backoffMs(USUAL_RETRIES, { attempt: 1, retryAfterMs: 1e9, chance: 0 })).toBe(60_000);
  });

  test('outlasts 20 seconds even when chance is against it', () => {
    let sumMs = 0;
    for (let attempt = 1; attempt < USUAL_RETRIES.attempts; attempt++) {
      sumMs += backoffMs(USUAL_RETRIES, { attempt, retryAfterMs: undefined, chance: 0.999_999 });
    }
    expect(sumMs).toBeGreaterThan(20_000);
  });

  test('reads Retry-After', () => {
    const nowMs = Date.parse('2026-01-01T00:00:00Z');
    expect(parseRetryAfter(undefined, nowMs)).toBeUndefined();
    expect(parseRetryAfter('7', nowMs)).toBe(7_000);
    expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:09 GMT', nowMs)).toBe(9_000);
    expect(parseRetryAfter('Thu, 01 Jan 2025 00:00:09 GMT', nowMs)).toBe(0);
    expect(parseRetryAfter('soon', nowMs)).toBeUndefined();
  });
});

describe('the URL of a store', () => {
  test.for([
    ['s3://bucket', 'bucket', ''],
    ['s3://bucket/', 'bucket', ''],
    ['s3://my.bucket-1/a/b', 'my.bucket-1', 'a/b/'],
    ['s3://bucket/a b/ü+%20/', 'bucket', 'a b/ü+%20/'],
    ['s3://bucket/a?b#c', 'bucket', 'a?b#c/'],
  ] as const)('%j is read', ([url, bucket, prefix]) => {
    expect(parseStoreUrl(url)).toEqual({ bucket, prefix });
    expect(parseStoreUrl(formatStoreUrl({ bucket, prefix }))).toEqual({ bucket, prefix });
  });

  test.for([
    '',
    's3://',
    's3:///a',
    's3:bucket',
    'S3://bucket',
    'https://bucket/a',
    's3://b',
    's3://user@bucket/a',
    's3://bucket//a',
    's3://bucket/a//b',
    's3://bucket/../b',
    's3://bucket/a/.',
    's3://bucket/a\nb',
    's3://bucket/\ud800',
    `s3://bucket/${'a'.repeat(601)}`,
  ])('%j is refused', (url) => {
    expect(() => parseStoreUrl(url)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('errors', () => {
  const task = { operation: 'write object e/a', subject: 'e/a', store: 's3://bucket/p', bucket: 'bucket' };
  const answer = (status: number, code: string, headers = {}): ReturnType<typeof failureOfAnswer> =>
    failureOfAnswer({
      status,
      body: code === '' ? '' : `<Error><Code>${code}</Code><Message>So it is.</Message></Error>`,
      headers,
      retryAfterMs: undefined,
    });

  test.for([
    [403, 'AccessDenied', 'PERMISSION', false],
    [403, '', 'PERMISSION', false],
    [401, '', 'PERMISSION', false],
    [403, 'RequestTimeTooSkewed', 'PERMISSION', false],
    [404, 'NoSuchKey', 'MISSING_BLOB', false],
    [404, 'NoSuchBucket', 'IO', false],
    [400, 'BadDigest', 'IO', true],
    [400, 'InvalidRequest', 'IO', false],
    [403, 'QuotaExceeded', 'NO_SPACE', false],
    [507, '', 'NO_SPACE', false],
    [500, 'InternalError', 'IO', true],
    [200, 'InternalError', 'IO', true],
    [503, 'SlowDown', 'IO', true],
    [429, '', 'IO', true],
    [502, '', 'IO', true],
    [504, '', 'IO', true],
    [501, 'NotImplemented', 'IO', false],
  ] as const)('%i %s is %s', ([status, s3Code, code, retryable]) => {
    const failure = answer(status, s3Code);
    expect(failure.retryable).toBe(retryable);
    const error = artifactErrorOf(failure, task);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^cannot write object e\/a in s3:\/\/bucket\/p: .*[^.]; .+/);
    expect(error.details).toMatchObject({ subject: 'e/a', bucket: 'bucket', status });
  });

  test('name the region a bucket is in', () => {
    const error = artifactErrorOf(
      answer(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-west-1' }),
      task,
    );
    expect(error.message).toContain('set AWS_REGION to it (eu-west-1)');
  });

  test.for([
    ['ECONNRESET', true],
    ['UND_ERR_SOCKET', true],
    ['HPE_INVALID_CONSTANT', true],
    ['ENOTFOUND', true],
    ['CERT_HAS_EXPIRED', false],
    ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', false],
  ] as const)('of the network: %s, to be tried again: %s', ([code, retryable]) => {
    const failure = failureOfNetwork(Object.assign(new Error('no'), { code }));
    expect(failure.retryable).toBe(retryable);
    expect(artifactErrorOf(failure, task)).toMatchObject({ code: 'IO', cause: { code } });
  });
});
