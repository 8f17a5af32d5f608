import { closeSync, openSync, readSync } from 'node:fs';
import type { ObjectKey, StoredObjectReader, ThreadStore } from '@waybill/core';
import { hasErrno } from './file-errors.ts';
import { objectPath } from './object-path.ts';
import { missingObject, readFailed, shortObject } from './read-object.ts';

/** Objects of a folder store as a thread reads them, synchronously. */
export function createThreadStore(store: { folder: string }): ThreadStore {
  return { open: (key) => new FolderObjectReader(store.folder, key) };
}

class FolderObjectReader implements StoredObjectReader {
  readonly #object: { folder: string; key: ObjectKey };
  #file: number | undefined;

  constructor(folder: string, key: ObjectKey) {
    this.#object = { folder, key };
    try {
      this.#file = openSync(objectPath(folder, key), 'r');
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR')) throw missingObject(this.#object, error);
      throw readFailed(this.#object, error);
    }
  }

  read(target: Uint8Array, offset: number): void {
    for (let at = 0; at < target.length; ) {
      const bytesRead = this.#readSome(target, { at, offset });
      if (bytesRead === 0) {
        throw shortObject(this.#object, { found: offset + at, wanted: offset + target.length });
      }
      at += bytesRead;
    }
  }

  #readSome(target: Uint8Array, from: { at: number; offset: number }): number {
    try {
      return readSync(this.#file ?? -1, target, from.at, target.length - from.at, from.offset + from.at);
    } catch (error) {
      throw readFailed(this.#object, error);
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
