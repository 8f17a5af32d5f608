import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ArtifactError, type ErrorCode, quotePath, throwIfCancelled } from '@waybill/core';

/** As many links in a row as Linux follows. */
const LINKS_MAX = 40;
/** How often it is looked whether a pipe has a reader, or room. */
const PIPE_WAIT_MS = 20;

interface Explanation {
  readonly code: ErrorCode;
  readonly text: string;
}

const NO_SPACE: Explanation = { code: 'NO_SPACE', text: 'no space is left; free some or name another place' };
const NOT_PERMITTED: Explanation = {
  code: 'PERMISSION',
  text: 'this user may not write there; name another place or change its permissions',
};
const READ_ONLY: Explanation = {
  code: 'PERMISSION',
  text: 'that file system is read-only; name another place',
};
const NO_FOLDER: Explanation = { code: 'NOT_FOUND', text: 'its folder does not exist; make it first' };
const IS_FOLDER: Explanation = { code: 'TARGET_CONFLICT', text: 'it is a folder; name a file in it' };
const LINK_LOOP: Explanation = {
  code: 'TARGET_CONFLICT',
  text: 'it is a link that leads to itself; remove it or name another file',
};
const NOT_WRITABLE: Explanation = {
  code: 'TARGET_CONFLICT',
  text: 'it takes no bytes; name another file',
};
const TOO_LONG: Explanation = {
  code: 'INVALID_ARGUMENT',
  text: 'the name is too long; choose a shorter one',
};

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: NO_SPACE,
  EDQUOT: NO_SPACE,
  EACCES: NOT_PERMITTED,
  EPERM: NOT_PERMITTED,
  EROFS: READ_ONLY,
  ENOENT: NO_FOLDER,
  ENOTDIR: NO_FOLDER,
  EISDIR: IS_FOLDER,
  ELOOP: LINK_LOOP,
  ENAMETOOLONG: TOO_LONG,
  ENXIO: NOT_WRITABLE,
};

interface Content {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/** Where the bytes go in the end. `mode` is that of the file that is replaced. */
interface Target {
  readonly path: string;
  readonly kind: 'file' | 'pipe' | 'device';
  readonly mode?: number;
}

/**
 * Writes a file that `-o` names: beside it first, then in its place, so that a failure leaves what was there. Where it
 * is a link, what the link names is replaced; a pipe or a device is written to as it is. Answers the bytes written.
 * Errors of the file name it; those of the chunks pass as they are.
 *
 * @throws ArtifactError `NO_SPACE`, `PERMISSION`, `NOT_FOUND`, `TARGET_CONFLICT`, `INVALID_ARGUMENT`, `IO`, `CANCELLED`
 */
export async function writeOutputFile(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const target = await named(path, findTarget(path));
  const content = { chunks, signal };
  return target.kind === 'file' ? replaceFile(path, target, content) : writeStream(target, content);
}

/** Writes a new file for this process alone, which need not outlive it. Answers the bytes written. */
export async function writeScratchFile(path: string, content: Content): Promise<number> {
  await using file = await named(path, open(path, 'wx', 0o600));
  return await appendAll(path, file, content);
}

async function findTarget(path: string): Promise<Target> {
  const found = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return { path: await endOfLinks(path), kind: 'file' };
  if (found.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' });
  if (!found.isFile()) return { path, kind: found.isFIFO() ? 'pipe' : 'device' };
  return { path: await realpath(path), kind: 'file', mode: found.mode & 0o777 };
}

/** What a link that points to nothing yet stands for. */
async function endOfLinks(path: string): Promise<string> {
  let end = path;
  for (let links = 0; links < LINKS_MAX; links += 1) {
    const found = await lstat(end).catch(() => undefined);
    if (found?.isSymbolicLink() !== true) break;
    end = resolve(await realpath(dirname(end)), await readlink(end));
  }
  return end;
}

async function writeStream({ path, kind }: Target, content: Content): Promise<number> {
  await using file = await named(path, openStream(path, { kind, signal: content.signal }));
  return await appendAll(path, file, content);
}

/**
 * Waits for the reader of a pipe. The system would wait too, but in a way that nothing can interrupt: not even a second
 * Ctrl-C would end the process.
 */
async function openStream(
  path: string,
  { kind, signal }: { kind: Target['kind']; signal: AbortSignal | undefined },
): Promise<FileHandle> {
  for (;;) {
    throwIfCancelled(signal);
    try {
      return await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (kind !== 'pipe' || errnoOf(error) !== 'ENXIO') throw error;
      await setTimeout(PIPE_WAIT_MS);
    }
  }
}

async function replaceFile(path: string, target: Target, content: Content): Promise<number> {
  // Without the name in it: that may be as long as a name can be.
  const draft = join(dirname(target.path), `.waybill-${randomBytes(8).toString('hex')}.part`);
  const file = await named(path, open(draft, 'wx'));
  try {
    const bytes = await fillDraft(path, file, { content, mode: target.mode });
    await named(path, rename(draft, target.path));
    return bytes;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function fillDraft(
  path: string,
  draft: FileHandle,
  { content, mode }: { content: Content; mode: number | undefined },
): Promise<number> {
  await using file = draft;
  // Before the first byte: what was private stays so.
  if (mode !== undefined) await named(path, file.chmod(mode));
  const bytes = await appendAll(path, file, content);
  await named(path, file.sync());
  return bytes;
}

async function appendAll(path: string, file: FileHandle, { chunks, signal }: Content): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) {
    await named(path, writeAll(file, chunk, { signal }));
    bytes += chunk.length;
  }
  return bytes;
}

/** Goes on until all of it is written, and waits where a pipe is full. */
async function writeAll(
  file: FileHandle,
  chunk: Uint8Array,
  { signal }: { signal: AbortSignal | undefined },
): Promise<void> {
  let offset = 0;
  while (offset < chunk.length) {
    throwIfCancelled(signal);
    try {
      offset += (await file.write(chunk, offset)).bytesWritten;
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error;
      await setTimeout(PIPE_WAIT_MS);
    }
  }
}

async function named<T>(path: string, effect: Promise<T>): Promise<T> {
  try {
    return await effect;
  } catch (cause) {
    if (cause instanceof ArtifactError) throw cause;
    const reason = Error.isError(cause) ? cause.message : String(cause);
    const { code, text } = EXPLANATIONS[errnoOf(cause)] ?? {
      code: 'IO' as const,
      text: `${reason}; try again or name another place`,
    };
    throw new ArtifactError(code, `cannot write ${quotePath(path)}: ${text}`, {
      cause,
      details: { subject: path },
    });
  }
}

function errnoOf(error: unknown): string {
  return Error.isError(error) && 'code' in error ? String(error.code) : '';
}
