import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
  writevSync,
} from 'node:fs';

/**
 * Effects on a disk inside a thread, synchronous. Paths are absolute; no call follows a link at the path's own name.
 * Errors are those of the system, untranslated.
 */
export interface ThreadDisk {
  /** Descriptor of a new empty file; `EEXIST` when anything has the name, a link included. */
  createFile(path: string): number;
  /** Descriptor of an existing file, for writing. */
  openFile(path: string): number;
  /** Writes all chunks, one behind the other: from `position` on, or behind the last write when it is `undefined`. */
  write(file: number, chunks: readonly Uint8Array[], position: number | undefined): void;
  closeFile(file: number): void;
  makeFolder(path: string): void;
  rename(from: string, to: string): void;
  unlink(path: string): void;
}

const CREATE_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const WRITE = constants.O_WRONLY | constants.O_NOFOLLOW;
/** Chunks the system takes in one call. */
const WRITE_CHUNKS = 1_000;

/** The real disk. */
export const nodeThreadDisk: ThreadDisk = {
  createFile: (path) => openSync(path, CREATE_NEW, 0o666),
  openFile: (path) => openSync(path, WRITE),
  write: writeAll,
  closeFile: closeSync,
  makeFolder: (path) => {
    mkdirSync(path);
  },
  rename: renameSync,
  unlink: unlinkSync,
};

function writeAll(file: number, chunks: readonly Uint8Array[], position: number | undefined): void {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) {
    writeChunk(file, only, position);
    return;
  }
  let at = position;
  for (let left = chunks; left.length > 0; ) {
    const written = writevSync(file, left.slice(0, WRITE_CHUNKS), at);
    left = withoutFirstBytes(left, written);
    if (at !== undefined) at += written;
  }
}

function writeChunk(file: number, chunk: Uint8Array, position: number | undefined): void {
  for (let at = 0; at < chunk.length; ) {
    at += writeSync(file, chunk, at, chunk.length - at, position === undefined ? null : position + at);
  }
}

/** What is left of chunks after a write that took so many bytes, which may end inside a chunk. */
export function withoutFirstBytes(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}
