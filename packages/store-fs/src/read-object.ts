import { type FileHandle, open } from 'node:fs/promises';
import { ArtifactError, type ByteRange, type ObjectKey, throwIfCancelled } from '@waybill/core';
import { fileError, hasErrno } from './file-errors.ts';
import { objectPath } from './object-path.ts';

const STREAM_CHUNK_BYTES = 1_048_576;

interface StoredObject {
  readonly folder: string;
  readonly key: ObjectKey;
}

/** Exactly the bytes of a range. `MISSING_BLOB`, `CORRUPT`, `PERMISSION`, `IO`. */
export async function readObjectRange(object: StoredObject, range: ByteRange): Promise<Uint8Array> {
  assertRange(object, range);
  await using handle = await openObject(object);
  const bytes = new Uint8Array(range.length);
  await fill({ object, handle, target: bytes, offset: range.offset });
  return bytes;
}

/** The bytes of an object or of a range of it, in chunks of 1 MiB at most; each chunk is the consumer's own. */
export async function* readObjectStream(
  object: StoredObject,
  options: { range: ByteRange | undefined; signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  if (options.range !== undefined) assertRange(object, options.range);
  throwIfCancelled(options.signal);
  await using handle = await openObject(object);
  const range = options.range ?? { offset: 0, length: await sizeOf(object, handle) };
  const end = range.offset + range.length;
  for (let offset = range.offset; offset < end; offset += STREAM_CHUNK_BYTES) {
    throwIfCancelled(options.signal);
    const target = new Uint8Array(Math.min(STREAM_CHUNK_BYTES, end - offset));
    await fill({ object, handle, target, offset });
    yield target;
  }
}

async function openObject(object: StoredObject): Promise<FileHandle> {
  try {
    return await open(objectPath(object.folder, object.key), 'r');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) throw missingObject(object, error);
    throw readFailed(object, error);
  }
}

async function sizeOf(object: StoredObject, handle: FileHandle): Promise<number> {
  try {
    return (await handle.stat()).size;
  } catch (error) {
    throw readFailed(object, error);
  }
}

async function fill(read: {
  object: StoredObject;
  handle: FileHandle;
  target: Uint8Array;
  offset: number;
}): Promise<void> {
  const { object, handle, target, offset } = read;
  for (let at = 0; at < target.length; ) {
    let bytesRead: number;
    try {
      ({ bytesRead } = await handle.read(target, at, target.length - at, offset + at));
    } catch (error) {
      throw readFailed(object, error);
    }
    if (bytesRead === 0) throw shortObject(object, { found: offset + at, wanted: offset + target.length });
    at += bytesRead;
  }
}

function assertRange(object: StoredObject, range: ByteRange): void {
  const { offset, length } = range;
  if (Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) && length >= 0) return;
  throw new ArtifactError(
    'INVALID_ARGUMENT',
    `cannot read ${length} bytes at ${offset} of object ${object.key}; offset and length are whole numbers from 0 on`,
  );
}

export function missingObject(object: StoredObject, cause?: unknown): ArtifactError {
  return new ArtifactError(
    'MISSING_BLOB',
    `the store in folder ${object.folder} has no object ${object.key}; run \`waybill store check\``,
    { cause, details: { subject: object.key } },
  );
}

/** An object that ends before what the catalog says lies in it. */
export function shortObject(object: StoredObject, bytes: { found: number; wanted: number }): ArtifactError {
  return new ArtifactError(
    'CORRUPT',
    `object ${object.key} in folder ${object.folder} ends at byte ${bytes.found}, ${bytes.wanted} were expected; run \`waybill store check\``,
    { details: { subject: object.key } },
  );
}

export function readFailed(object: StoredObject, error: unknown): ArtifactError {
  return fileError(error, `read object ${object.key} in folder ${object.folder}`, object.key);
}
