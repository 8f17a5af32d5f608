import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { FileStat, SourceFile, SourceFiles } from '@waybill/core';
import { hasErrno, sourceError } from './file-errors.ts';

/** Nanoseconds need 64 bits; the call costs the same with and without them. */
const STAT_OPTIONS = { bigint: true, throwIfNoEntry: false } as const;
/** A pipe put in a file's place must not hold up the thread until somebody writes into it. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const SIGNATURE_BYTES = 32;
/** Signatures cut from one buffer: a buffer each would cost more than the stat. */
const SIGNATURES_PER_BUFFER = 256;

let words = new BigUint64Array(0);
let nextWord = 0;

/** Local files as a thread reads them, links followed. */
export function createSourceFiles(): SourceFiles {
  return {
    stat: (path) => {
      try {
        const found = statSync(path, STAT_OPTIONS);
        return found === undefined ? undefined : fileStat(found);
      } catch (error) {
        if (hasErrno(error, 'ENOTDIR')) return undefined;
        throw sourceError(error, path);
      }
    },
    open: (path) => {
      try {
        return new OpenSourceFile(openSync(path, READ), path);
      } catch (error) {
        throw sourceError(error, path);
      }
    },
  };
}

/** A file opened for reading. Errors name `path`. */
export class OpenSourceFile implements SourceFile {
  readonly #path: string;
  #file: number | undefined;

  constructor(file: number, path: string) {
    this.#file = file;
    this.#path = path;
  }

  stat(): FileStat {
    try {
      return fileStat(fstatSync(this.#file ?? -1, { bigint: true }));
    } catch (error) {
      throw sourceError(error, this.#path);
    }
  }

  read(target: Uint8Array): number {
    try {
      return readSync(this.#file ?? -1, target, 0, target.length, null);
    } catch (error) {
      throw sourceError(error, this.#path);
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function fileStat(found: BigIntStats): FileStat {
  const { mtimeNs, ctimeNs } = found;
  return {
    kind: found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other',
    sizeBytes: Number(found.size),
    signature: signatureOf(found),
    changedAtMs: Math.max(Number(mtimeNs), Number(ctimeNs)) / 1e6,
  };
}

/** Inode, size, mtime and ctime as four u64 in the machine's order, which is little-endian wherever Node runs. */
function signatureOf(found: BigIntStats): Uint8Array {
  if (nextWord === words.length) {
    words = new BigUint64Array((SIGNATURES_PER_BUFFER * SIGNATURE_BYTES) / BigUint64Array.BYTES_PER_ELEMENT);
    nextWord = 0;
  }
  const at = nextWord;
  words[at] = found.ino;
  words[at + 1] = found.size;
  words[at + 2] = found.mtimeNs;
  words[at + 3] = found.ctimeNs;
  nextWord = at + 4;
  return new Uint8Array(words.buffer, at * BigUint64Array.BYTES_PER_ELEMENT, SIGNATURE_BYTES);
}
