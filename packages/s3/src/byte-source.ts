import { createHash, hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { ArtifactError } from '@waybill/core';

/** Read at once of a file on its way to the store. */
const CHUNK_BYTES = 1_048_576;

/** Bytes to send that can be sent again. */
export interface ByteSource {
  readonly sizeBytes: number;
  md5(): Promise<Buffer>;
  open(): Uint8Array | AsyncIterable<Uint8Array>;
}

/** Bytes in memory; not copied. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.length,
    // A checksum of a transfer, no digest of content: those are made in @waybill/hashing.
    md5: () => Promise.resolve(hash('md5', bytes, 'buffer')),
    open: () => bytes,
  };
}

/**
 * A slice of an open file, read once to sum it up and once for every time it is sent, so that no more of it than a
 * chunk is ever in memory. When the two readings differ the server refuses the bytes.
 */
export function fileSource(file: {
  handle: FileHandle;
  path: string;
  offset: number;
  sizeBytes: number;
}): ByteSource {
  return {
    sizeBytes: file.sizeBytes,
    md5: async () => {
      const hash = createHash('md5');
      for await (const chunk of readSlice(file, new Uint8Array(CHUNK_BYTES))) hash.update(chunk);
      return hash.digest();
    },
    open: () => readSlice(file),
  };
}

/** With a buffer every chunk overwrites the one before it. */
async function* readSlice(
  file: { handle: FileHandle; path: string; offset: number; sizeBytes: number },
  buffer?: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const end = file.offset + file.sizeBytes;
  for (let at = file.offset; at < end; ) {
    const length = Math.min(CHUNK_BYTES, end - at);
    const target = buffer ?? new Uint8Array(length);
    const bytesRead = await readSome(file, { target, length, at });
    at += bytesRead;
    yield target.subarray(0, bytesRead);
  }
}

async function readSome(
  file: { handle: FileHandle; path: string },
  into: { target: Uint8Array; length: number; at: number },
): Promise<number> {
  let bytesRead: number;
  try {
    ({ bytesRead } = await file.handle.read(into.target, 0, into.length, into.at));
  } catch (error) {
    throw new ArtifactError(
      'IO',
      `cannot read the draft ${file.path}: ${Error.isError(error) ? error.message : String(error)}; check the disk, then run the command again`,
      { cause: error, details: { operation: 'read', subject: file.path } },
    );
  }
  if (bytesRead > 0) return bytesRead;
  throw new ArtifactError(
    'IO',
    `the draft ${file.path} became shorter while it was uploaded; run the command again`,
    { details: { operation: 'read', subject: file.path } },
  );
}
