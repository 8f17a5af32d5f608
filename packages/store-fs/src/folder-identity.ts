import { type BigIntStats, statSync } from 'node:fs';
import { hasErrno } from './file-errors.ts';

/** Device and inode: what is the same for one folder however its path was written. */
export function identityOf(found: BigIntStats): string {
  return `${found.dev}:${found.ino}`;
}

/** The identity of what a path leads to; empty, so like nothing else, when it is gone or may not be looked at. */
export function identityAt(path: string): string {
  try {
    return identityOf(statSync(path, { bigint: true }));
  } catch (error) {
    if (hasErrno(error, 'EACCES', 'ENOENT', 'ENOTDIR')) return '';
    throw error;
  }
}

/** A folder and those above it: `/a/b`, `/a`, `/`. */
export function* foldersOf(path: string): Generator<string> {
  let folder = path;
  while (folder !== '/' && folder !== '') {
    yield folder;
    folder = folder.slice(0, folder.lastIndexOf('/'));
  }
  yield '/';
}
