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
  for (let index = 0; index < chunks.length; index += WRITE_CHUNKS) {
    const group = chunks.slice(index, index + WRITE_CHUNKS);
    const written = writevSync(file, group, at);
    const wanted = group.reduce((sum, chunk) => sum + chunk.length, 0);
    if (written < wanted) writeRest(file, { group, written, position: at });
    if (at !== undefined) at += wanted;
  }
}

/** What a short write has left over. */
function writeRest(
  file: number,
  rest: { group: readonly Uint8Array[]; written: number; position: number | undefined },
): void {
  let passed = 0;
  for (const chunk of rest.group) {
    const from = Math.min(chunk.length, Math.max(0, rest.written - passed));
    const position = rest.position === undefined ? undefined : rest.position + passed + from;
    if (from < chunk.length) writeChunk(file, chunk.subarray(from), position);
    passed += chunk.length;
  }
}

function writeChunk(file: number, chunk: Uint8Array, position: number | undefined): void {
  for (let at = 0; at < chunk.length; ) {
    at += writeSync(file, chunk, at, chunk.length - at, position === undefined ? null : position + at);
  }
}
