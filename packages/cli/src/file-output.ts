import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ArtifactError, type ErrorCode, quotePath, throwIfCancelled } from '@waybill/core';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EACCES: 'PERMISSION',
  EPERM: 'PERMISSION',
  EROFS: 'PERMISSION',
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EISDIR: 'TARGET_CONFLICT',
};

/**
 * Writes a file that `-o` names: beside it first, then in its place, so that a failure leaves what was there. Answers
 * the bytes written. Errors of the file name it; those of the chunks pass as they are.
 */
export async function writeOutputFile(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    const bytes = await writeDraft(draft, { path, chunks, signal });
    await named(path, rename(draft, path));
    return bytes;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function writeDraft(
  draft: string,
  {
    path,
    chunks,
    signal,
  }: { path: string; chunks: AsyncIterable<Uint8Array>; signal: AbortSignal | undefined },
): Promise<number> {
  await using file: FileHandle = await named(path, open(draft, 'w'));
  let bytes = 0;
  for await (const chunk of chunks) {
    throwIfCancelled(signal);
    // Unlike `write`, it goes on until all of the chunk is written.
    await named(path, file.appendFile(chunk));
    bytes += chunk.length;
  }
  await named(path, file.sync());
  return bytes;
}

async function named<T>(path: string, effect: Promise<T>): Promise<T> {
  try {
    return await effect;
  } catch (cause) {
    const code = Error.isError(cause) && 'code' in cause ? String(cause.code) : '';
    const reason = Error.isError(cause) ? cause.message : String(cause);
    throw new ArtifactError(CODES[code] ?? 'IO', `cannot write ${quotePath(path)}: ${reason}`, { cause });
  }
}
