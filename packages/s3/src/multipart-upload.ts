import { createHash } from 'node:crypto';
import { ArtifactError, type ObjectKey } from '@waybill/core';
import { type ByteSource, bytesSource } from './byte-source.ts';
import { assertStored, etagOf, headObject } from './object-requests.ts';
import type { S3Answer, S3Client } from './s3-client.ts';
import { brokenAnswer, failureOfAnswer } from './s3-failure.ts';
import { encodeXmlText, xmlElements, xmlText } from './scan-xml.ts';

/** Parts of one object on their way at the same time. */
const PARTS_IN_FLIGHT = 4;
/** For the request that gives up an upload: the caller may be cancelled already. */
const ABORT_TIMEOUT_MS = 20_000;

interface Upload {
  readonly client: S3Client;
  readonly key: ObjectKey;
  readonly uploadId: string;
  readonly signal: AbortSignal;
}

interface StoredPart {
  readonly number: number;
  readonly etag: string;
  readonly sizeBytes: number;
}

/**
 * Writes an object in parts, several at the same time; what `parts` yields is in memory or on its way, never more than
 * `PARTS_IN_FLIGHT` and the next one. An upload that fails is given up, so that its parts cost nobody anything.
 */
export async function uploadParts(
  client: S3Client,
  parts: Iterable<ByteSource> | AsyncIterable<ByteSource>,
  call: { key: ObjectKey; signal: AbortSignal | undefined },
): Promise<void> {
  const uploadId = await createUpload(client, call);
  const siblings = new AbortController();
  const signal =
    call.signal === undefined ? siblings.signal : AbortSignal.any([call.signal, siblings.signal]);
  const upload = { client, key: call.key, uploadId, signal };
  try {
    const stored = await sendParts(upload, parts, siblings);
    await completeUpload(upload, stored);
  } catch (error) {
    await abortUpload(upload);
    throw error;
  }
}

async function createUpload(
  client: S3Client,
  call: { key: ObjectKey; signal: AbortSignal | undefined },
): Promise<string> {
  const request = {
    ...call,
    operation: `begin to write object ${call.key}`,
    method: 'POST',
    query: [['uploads', '']],
  } as const;
  const { uploadId, attempt } = await client.send(request, async (answer) => {
    const found = xmlText(await answer.body.text(), 'UploadId');
    if (found === undefined || found === '') throw brokenAnswer('the answer names no upload');
    return { uploadId: found, attempt: answer.attempt };
  });
  // An attempt whose answer was lost may have begun an upload nobody knows.
  if (attempt > 1) await abortUploads(client, { ...call, except: uploadId });
  return uploadId;
}

/**
 * Gives up uploads of a key that nobody finishes any more: nobody else writes under a key of ours. Where uploads may
 * not be listed they are left to the bucket's own rules.
 */
export async function abortUploads(
  client: S3Client,
  of: { key: ObjectKey; signal: AbortSignal | undefined; except?: string },
): Promise<void> {
  const wholeKey = client.location.prefix + of.key;
  const request = {
    operation: `look for uploads of object ${of.key}`,
    signal: of.signal,
    method: 'GET',
    query: [
      ['uploads', ''],
      ['prefix', wholeKey],
    ],
    statuses: [403, 404, 405, 501],
  } as const;
  const xml = await client.send(request, ({ body }) => body.text());
  for (const element of xmlElements(xml, 'Upload')) {
    const uploadId = xmlText(element, 'UploadId');
    if (uploadId === undefined || uploadId === of.except || xmlText(element, 'Key') !== wholeKey) continue;
    await abortUpload({ client, key: of.key, uploadId });
  }
}

/** The first failure ends the others; all have ended when this does. */
async function sendParts(
  upload: Upload,
  parts: Iterable<ByteSource> | AsyncIterable<ByteSource>,
  siblings: AbortController,
): Promise<StoredPart[]> {
  const stored: StoredPart[] = [];
  const inFlight = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    siblings.abort();
  };
  try {
    let number = 0;
    for await (const source of parts) {
      number++;
      const sent: Promise<void> = sendPart(upload, { source, number })
        .then((part) => void stored.push(part), fail)
        .finally(() => inFlight.delete(sent));
      inFlight.add(sent);
      if (inFlight.size >= PARTS_IN_FLIGHT) await Promise.race(inFlight);
      if (failure !== undefined) break;
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure.error;
  return stored.toSorted((a, b) => a.number - b.number);
}

async function sendPart(upload: Upload, part: { source: ByteSource; number: number }): Promise<StoredPart> {
  const { client, key, uploadId, signal } = upload;
  const { source, number } = part;
  const md5 = await source.md5();
  const request = {
    key,
    signal,
    operation: `write part ${number} of object ${key}`,
    method: 'PUT',
    query: [
      ['partNumber', String(number)],
      ['uploadId', uploadId],
    ],
    headers: { 'content-md5': md5.toString('base64') },
    body: source,
  } as const;
  return client.send(request, async ({ headers, body }) => {
    await body.dump();
    assertStored({ headers }, { md5, key, store: client.store });
    const etag = etagOf(headers);
    if (etag === undefined) throw brokenAnswer('the answer names no ETag');
    return { number, etag, sizeBytes: source.sizeBytes };
  });
}

/**
 * Makes the parts an object. The server may answer 200 before it knows how it ends, and then say so in the body. A
 * repeated request may find the upload gone because the lost answer before it was a yes; the object decides.
 */
async function completeUpload(upload: Upload, parts: readonly StoredPart[]): Promise<void> {
  const { client, key, uploadId, signal } = upload;
  const document = Buffer.from(completionDocument(parts));
  const request = {
    key,
    signal,
    operation: `write object ${key}`,
    method: 'POST',
    query: [['uploadId', uploadId]],
    headers: {
      'content-md5': createHash('md5').update(document).digest('base64'),
      'content-type': 'application/xml',
      ...(client.knowsConditions ? { 'if-none-match': '*' } : {}),
    },
    body: bytesSource(document),
    statuses: [404],
  } as const;
  await client.send(request, assertCompleted);
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  const found = await headObject(client, { key, signal });
  if (found?.sizeBytes === sizeBytes) return;
  throw new ArtifactError(
    'IO',
    `object ${key} in ${client.store} has ${found?.sizeBytes ?? 'no'} bytes after ${sizeBytes} were uploaded; run the command again`,
    { details: { subject: key } },
  );
}

async function assertCompleted({ status, headers, body, attempt }: S3Answer): Promise<void> {
  const text = await body.text();
  if (text.includes('<CompleteMultipartUploadResult')) return;
  const failure = failureOfAnswer({ status, headers, body: text, retryAfterMs: undefined });
  if (failure.s3Code === 'NoSuchUpload' && attempt > 1) return;
  if (xmlText(text, 'Code') === undefined) throw brokenAnswer('the answer does not say whether it was done');
  throw failure;
}

/** "CompleteMultipartUpload" of the S3 API Reference. */
function completionDocument(parts: readonly StoredPart[]): string {
  const elements = parts.map(
    ({ number, etag }) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${encodeXmlText(`"${etag}"`)}</ETag></Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${elements.join('')}</CompleteMultipartUpload>`;
}

/** The failure that led here says more than one of giving up, so that is kept quiet. */
async function abortUpload({ client, key, uploadId }: Omit<Upload, 'signal'>): Promise<void> {
  const request = {
    key,
    signal: AbortSignal.timeout(ABORT_TIMEOUT_MS),
    operation: `give up the upload of object ${key}`,
    method: 'DELETE',
    query: [['uploadId', uploadId]],
    statuses: [404],
  } as const;
  try {
    await client.send(request, ({ body }) => body.dump());
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
  }
}
