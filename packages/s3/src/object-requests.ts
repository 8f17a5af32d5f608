import { ArtifactError, type ObjectKey } from '@waybill/core';
import type { ByteSource } from './byte-source.ts';
import type { S3Answer, S3Client } from './s3-client.ts';
import { brokenAnswer, failureOfAnswer } from './s3-failure.ts';

interface Call {
  readonly key: ObjectKey;
  readonly signal: AbortSignal | undefined;
}

export interface ObjectHead {
  readonly sizeBytes: number;
  readonly etag: string | undefined;
}

/** HEAD; `undefined` when there is no such object. */
export async function headObject(client: S3Client, call: Call): Promise<ObjectHead | undefined> {
  const request = {
    ...call,
    operation: `look at object ${call.key}`,
    method: 'HEAD',
    statuses: [404],
  } as const;
  return client.send(request, async ({ status, headers, body }) => {
    await body.dump();
    if (status === 404) return undefined;
    const sizeBytes = Number(headers['content-length']);
    if (!Number.isSafeInteger(sizeBytes)) throw brokenAnswer('the answer names no size');
    return { sizeBytes, etag: etagOf(headers) };
  });
}

/** DELETE; no error when there is none. */
export async function deleteObject(client: S3Client, call: Call): Promise<void> {
  const request = {
    ...call,
    operation: `remove object ${call.key}`,
    method: 'DELETE',
    statuses: [404],
  } as const;
  await client.send(request, async ({ status, headers, body }) => {
    const text = await body.text();
    if (status !== 404) return;
    const failure = failureOfAnswer({ status, headers, body: text, retryAfterMs: undefined });
    if (failure.s3Code === 'NoSuchBucket') throw failure;
  });
}

/**
 * PUT of a whole object. The server compares the bytes with the checksum it is sent, and we the checksum it answers.
 *
 * `if-none-match` has servers that know conditional writes refuse a key that is taken. Those that do not know them
 * pass over it: the caller has looked before, and keys are unique by construction, so that two writers of one key
 * would be two executions of the same instruction. Servers that refuse the header are asked again without.
 */
export async function putObject(client: S3Client, source: ByteSource, call: Call): Promise<void> {
  const md5 = await source.md5();
  const isConditional = client.knowsConditions;
  const outcome = await client.send(
    {
      ...call,
      operation: `write object ${call.key}`,
      method: 'PUT',
      headers: {
        'content-md5': md5.toString('base64'),
        ...(isConditional ? { 'if-none-match': '*' } : {}),
      },
      body: source,
      statuses: isConditional ? [412, 501] : [],
    },
    async (answer) => {
      await answer.body.dump();
      if (answer.status === 412) return answer.attempt === 1 ? 'exists' : 'unclear';
      if (answer.status === 501) return 'unconditional';
      assertStored(answer, { md5, key: call.key, store: client.store });
      return 'stored';
    },
  );
  if (outcome === 'unconditional') {
    client.knowsConditions = false;
    await putObject(client, source, call);
  } else if (outcome !== 'stored') {
    // An attempt before whose answer was lost may have written it.
    const found = outcome === 'unclear' ? await headObject(client, call) : undefined;
    if (found?.etag !== md5.toString('hex')) throw objectExists(client, call.key);
  }
}

/** @throws ArtifactError `CORRUPT` when the server says that it stored other bytes */
export function assertStored(
  answer: Pick<S3Answer, 'headers'>,
  wanted: { md5: Buffer; key: ObjectKey; store: string },
): void {
  const etag = etagOf(answer.headers);
  if (etag === undefined || !isMd5Etag(etag, answer.headers) || etag === wanted.md5.toString('hex')) return;
  throw new ArtifactError(
    'CORRUPT',
    `${wanted.store} stored other bytes than it was sent for object ${wanted.key}; run the command again, and check the server`,
    { details: { subject: wanted.key } },
  );
}

export function objectExists(client: S3Client, key: ObjectKey): ArtifactError {
  return new ArtifactError(
    'OBJECT_EXISTS',
    `object ${key} is already in ${client.store}, and no key is written twice; run the command again`,
    { details: { subject: key } },
  );
}

export function etagOf(headers: S3Answer['headers']): string | undefined {
  const etag = headers['etag'];
  return typeof etag === 'string' ? etag.replace(/^"|"$/g, '') : undefined;
}

/** "ETag" of the S3 API Reference: no MD5 of objects encrypted with keys of KMS or of the customer. */
function isMd5Etag(etag: string, headers: S3Answer['headers']): boolean {
  const encryption = headers['x-amz-server-side-encryption'];
  if (encryption !== undefined && encryption !== 'AES256') return false;
  if (headers['x-amz-server-side-encryption-customer-algorithm'] !== undefined) return false;
  return /^[0-9a-f]{32}$/.test(etag);
}
