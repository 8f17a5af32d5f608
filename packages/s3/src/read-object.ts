import { ArtifactError, type ByteRange, type ObjectKey, throwIfCancelled } from '@waybill/core';
import { headObject } from './object-requests.ts';
import type { S3Answer, S3Client, S3Request } from './s3-client.ts';
import { artifactErrorOf, brokenAnswer, failureOfNetwork, S3Failure } from './s3-failure.ts';

interface Read {
  readonly key: ObjectKey;
  readonly signal: AbortSignal | undefined;
}

/** Fills `target` with the bytes from `offset` on. `MISSING_BLOB`, `CORRUPT`, `PERMISSION`, `IO`. */
export async function readInto(
  client: S3Client,
  into: { target: Uint8Array; offset: number },
  read: Read,
): Promise<void> {
  const { target, offset } = into;
  assertRange(client, read.key, { offset, length: target.length });
  if (target.length === 0) return assertThere(client, read);
  const range = { offset, length: target.length };
  await client.send(getRequest(read, range), async (answer) => {
    await assertWhole(client, answer, { key: read.key, range });
    let at = 0;
    for await (const chunk of bytesOf(answer)) {
      if (at + chunk.length > target.length) throw brokenAnswer('the answer is longer than asked for');
      target.set(chunk, at);
      at += chunk.length;
    }
    if (at < target.length) throw brokenAnswer('the answer was cut off');
  });
}

/**
 * The bytes of an object or a range of it, as they come. A connection that breaks is replaced and the rest asked for,
 * of the same object by its ETag.
 */
export async function* readStream(
  client: S3Client,
  options: Read & { range: ByteRange | undefined },
): AsyncGenerator<Uint8Array> {
  const { range, signal, key } = options;
  if (range !== undefined) assertRange(client, key, range);
  throwIfCancelled(signal);
  if (range?.length === 0) return assertThere(client, options);
  const progress: Progress = { at: range?.offset ?? 0, range, end: undefined, etag: undefined };
  for (let attempt = 1; ; attempt++) {
    const before = progress.at;
    try {
      yield* readRest(client, progress, options);
      return;
    } catch (error) {
      throwIfCancelled(signal);
      // A connection that brought something counts as the first try at the rest.
      if (progress.at > before) attempt = 1;
      await client.pauseAfter(retryableFailure(error, { client, key, attempt }), attempt, signal);
    }
  }
}

/** The failure to wait for; what waiting does not mend is thrown. */
function retryableFailure(
  error: unknown,
  read: { client: S3Client; key: ObjectKey; attempt: number },
): S3Failure {
  if (error instanceof ArtifactError) throw error;
  const failure = error instanceof S3Failure ? error : failureOfNetwork(error);
  if (failure.retryable && read.attempt < read.client.retries.attempts) return failure;
  throw artifactErrorOf(failure, read.client.taskOf({ operation: `read object ${read.key}`, key: read.key }));
}

async function* readRest(client: S3Client, progress: Progress, read: Read): AsyncGenerator<Uint8Array> {
  const answer = await openRest(client, progress, read);
  for await (const chunk of bytesOf(answer)) {
    throwIfCancelled(read.signal);
    progress.at += chunk.length;
    yield chunk;
  }
  if (progress.at !== progress.end) throw brokenAnswer('the answer was cut off');
}

interface Progress {
  /** Next byte wanted. */
  at: number;
  readonly range: ByteRange | undefined;
  end: number | undefined;
  etag: string | undefined;
}

/** Asks for what is not there yet; the body is left to the caller, who may take long over it. */
async function openRest(client: S3Client, progress: Progress, read: Read): Promise<S3Answer> {
  const { range } = progress;
  const end = range === undefined ? progress.end : range.offset + range.length;
  const rest = end === undefined ? undefined : { offset: progress.at, length: end - progress.at };
  const request = getRequest(read, rest, progress.etag);
  return client.send(request, async (answer) => {
    if (rest !== undefined) await assertWhole(client, answer, { key: read.key, range: rest });
    else if (answer.status === 416) throw brokenAnswer('the answer is not the whole object');
    const etag = answer.headers['etag'];
    if (typeof etag === 'string') progress.etag = etag;
    progress.end = end ?? Number(answer.headers['content-length']);
    if (!Number.isSafeInteger(progress.end)) throw brokenAnswer('the answer names no size');
    return answer;
  });
}

function getRequest(read: Read, range: ByteRange | undefined, etag?: string): S3Request {
  return {
    key: read.key,
    signal: read.signal,
    operation: `read object ${read.key}`,
    method: 'GET',
    headers: {
      ...(range === undefined ? {} : { range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
      ...(etag === undefined ? {} : { 'if-match': etag }),
    },
    statuses: [416],
  };
}

/** That the answer is the whole range: a server shortens one that goes past the end. */
async function assertWhole(
  client: S3Client,
  answer: S3Answer,
  wanted: { key: ObjectKey; range: ByteRange },
): Promise<void> {
  const { offset, length } = wanted.range;
  const [, first, last, total] =
    /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(answer.headers['content-range'])) ?? [];
  const isWhole = Number(first) === offset && Number(last) === offset + length - 1;
  if (answer.status === 206 && isWhole) return;
  await answer.body.dump();
  if (answer.status !== 416 && (first === undefined || Number(first) !== offset)) {
    throw brokenAnswer('the answer is another range than asked for');
  }
  throw new ArtifactError(
    'CORRUPT',
    `object ${wanted.key} in ${client.store} ends at byte ${total ?? `${offset} or before`}, ${offset + length} were expected; run \`waybill store check\``,
    { details: { subject: wanted.key } },
  );
}

async function assertThere(client: S3Client, read: Read): Promise<void> {
  if ((await headObject(client, read)) !== undefined) return;
  throw new ArtifactError(
    'MISSING_BLOB',
    `${client.store} has no object ${read.key}; run \`waybill store check\``,
    { details: { subject: read.key } },
  );
}

function bytesOf(answer: S3Answer): AsyncIterable<Uint8Array> {
  return answer.body;
}

function assertRange(client: S3Client, key: ObjectKey, { offset, length }: ByteRange): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) && length >= 0) return;
  throw new ArtifactError(
    'INVALID_ARGUMENT',
    `cannot read ${length} bytes at ${offset} of object ${key} in ${client.store}; offset and length are whole numbers from 0 on`,
    { details: { subject: key } },
  );
}
