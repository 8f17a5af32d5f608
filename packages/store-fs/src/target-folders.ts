import { lstatSync, type Stats } from 'node:fs';
import { ArtifactError, quotePath } from '@waybill/core';
import { fileError, hasErrno } from './file-errors.ts';
import type { ThreadDisk } from './thread-disk.ts';

/** Folders remembered as real; beyond that they are looked at again. */
const FOLDERS_MAX = 65_536;
const NOT_THERE = { throwIfNoEntry: false } as const;

/**
 * The folders below one root: looked at once each, so that nothing is reached through a link. Node has no `openat`:
 * somebody who swaps a folder for a link while a download runs can still lead it away; what is there before cannot.
 */
export class TargetFolders {
  readonly root: string;
  readonly #disk: ThreadDisk;
  readonly #real = new Set<string>();
  #last = '';

  constructor(root: string, disk: ThreadDisk) {
    this.root = root;
    this.#disk = disk;
  }

  /** Absolute path of an entry whose folders exist: checked, and made where they are missing. */
  make(path: string): string {
    const folder = folderOf(path);
    if (folder !== this.#last && folder !== '') {
      if (!this.#real.has(folder)) this.#makeFolder(folder);
      this.#last = folder;
    }
    return this.absolute(path);
  }

  absolute(path: string): string {
    return this.root === '/' ? `/${path}` : `${this.root}/${path}`;
  }

  /** What stands where an entry's folders should be, `undefined` when they are all real folders. */
  obstacle(path: string): 'missing' | 'through-link' | undefined {
    const folder = folderOf(path);
    if (folder === '' || this.#real.has(folder)) return undefined;
    const above = this.obstacle(folder);
    if (above !== undefined) return above;
    const found = this.look(folder);
    if (found?.isSymbolicLink() === true) return 'through-link';
    if (found?.isDirectory() !== true) return 'missing';
    this.#remember(folder);
    return undefined;
  }

  /** What has the name, links not followed. */
  look(path: string): Stats | undefined {
    const absolute = this.absolute(path);
    try {
      return lstatSync(absolute, NOT_THERE);
    } catch (error) {
      if (hasErrno(error, 'ENOTDIR')) return undefined;
      throw fileError(error, `look at ${quotePath(absolute)}`, absolute);
    }
  }

  /** A folder turned out not to be there any more. */
  forget(): void {
    this.#real.clear();
    this.#last = '';
  }

  /** `TARGET_CONFLICT` naming what is in the way of `path`. */
  conflict(path: string, found: Stats | undefined): ArtifactError {
    const absolute = this.absolute(path);
    return new ArtifactError(
      'TARGET_CONFLICT',
      `${quotePath(absolute)} is ${describe(found)} and in the way of the download; move it away or choose another folder`,
      { details: { subject: absolute } },
    );
  }

  /** `TARGET_CONFLICT` for a path that would be reached through a link. */
  linkOnTheWay(path: string): ArtifactError {
    const absolute = this.absolute(path);
    return new ArtifactError(
      'TARGET_CONFLICT',
      `${quotePath(absolute)} lies behind a link, which is never followed here; remove the link`,
      { details: { subject: absolute } },
    );
  }

  #makeFolder(folder: string): void {
    const above = folderOf(folder);
    if (above !== '' && !this.#real.has(above)) this.#makeFolder(above);
    if (this.look(folder) === undefined) this.#tryMake(folder);
    const found = this.look(folder);
    if (found?.isDirectory() !== true) throw this.conflict(folder, found);
    this.#remember(folder);
  }

  #tryMake(folder: string): void {
    const absolute = this.absolute(folder);
    try {
      this.#disk.makeFolder(absolute);
    } catch (error) {
      // Another thread was faster; what it made is looked at as anything else.
      if (!hasErrno(error, 'EEXIST')) {
        throw fileError(error, `make the folder ${quotePath(absolute)}`, absolute);
      }
    }
  }

  #remember(folder: string): void {
    if (this.#real.size >= FOLDERS_MAX) this.#real.clear();
    this.#real.add(folder);
  }
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

function describe(found: Stats | undefined): string {
  if (found === undefined) return 'missing';
  if (found.isSymbolicLink()) return 'a link';
  if (found.isDirectory()) return 'a folder';
  return found.isFile() ? 'a file' : 'a special file';
}
