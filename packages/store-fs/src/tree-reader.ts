import { type Dirent, lstatSync, opendirSync, statSync } from 'node:fs';
import { ArtifactError, quotePath, type TreeEntry } from '@waybill/core';
import { fileError, hasErrno } from './file-errors.ts';
import { doubtfulNames, type ItemKind, kindOf, readItems, streamItems } from './folder-items.ts';
import { KeyRunWriter, mergeKeyRuns, removeKeyRuns } from './key-runs.ts';
import { sortKeys } from './sort-keys.ts';
import type { KeyRun, WalkLimits } from './walk-request.ts';

const REPLACEMENT = '\ufffd';

type TreeKind = TreeEntry['kind'];

/** The items of a folder as sort keys: `name/` for folders that hold something, `name` for all else. */
export interface TreeFolder extends Disposable {
  /** The next key in byte order. */
  next(): string | undefined;
  kindOf(key: string): TreeKind;
}

/** Reads the folders of a tree, no link followed. */
export class TreeReader {
  readonly #root: string;
  readonly #limits: WalkLimits;
  readonly #scratchFolder: string;

  constructor(tree: { root: string; limits: WalkLimits; scratchFolder: string }) {
    this.#root = tree.root;
    this.#limits = tree.limits;
    this.#scratchFolder = tree.scratchFolder;
  }

  /** @param folder relative to the root: empty, or ends in `/` */
  read(folder: string): TreeFolder {
    const path = this.#absolute(folder);
    try {
      return statSync(path).size > this.#limits.folderInodeBytes ? this.#readLarge(path) : readWhole(path);
    } catch (error) {
      // Gone meanwhile, so there is nothing in it.
      if (folder !== '' && hasErrno(error, 'ENOENT', 'ENOTDIR')) return new WholeFolder([], new Map());
      throw fileError(error, `read the folder ${quotePath(path)}`, path);
    }
  }

  #readLarge(path: string): TreeFolder {
    using writer = new KeyRunWriter(this.#scratchFolder);
    let keys: string[] = [];
    for (const item of streamItems(path)) {
      const found = keyOf(path, item);
      if (found !== undefined) keys.push(found.key);
      if (keys.length < this.#limits.sortRunNames) continue;
      writer.add(sortSound(keys, path));
      keys = [];
    }
    writer.add(sortSound(keys, path));
    return new LargeFolder({
      path,
      file: writer.path,
      runs: writer.runs,
      keysAtOnce: this.#limits.walkNames,
    });
  }

  #absolute(folder: string): string {
    if (folder === '') return this.#root;
    const path = folder.slice(0, -1);
    return this.#root === '/' ? `/${path}` : `${this.#root}/${path}`;
  }
}

function readWhole(path: string): TreeFolder {
  const keys: string[] = [];
  const kinds = new Map<string, TreeKind>();
  for (const item of readItems(path)) {
    const found = keyOf(path, item);
    if (found === undefined) continue;
    keys.push(found.key);
    if (found.kind !== 'file') kinds.set(found.key, found.kind);
  }
  return new WholeFolder(sortSound(keys, path), kinds);
}

function keyOf(path: string, item: Dirent): { key: string; kind: TreeKind } | undefined {
  const itemPath = `${path}/${item.name}`;
  const kind = treeKind(kindOf(item, itemPath));
  if (kind === undefined) return undefined;
  return { key: kind === 'folder' && !isEmptyFolder(itemPath) ? `${item.name}/` : item.name, kind };
}

function treeKind(kind: ItemKind | undefined): TreeKind | undefined {
  if (kind === undefined || kind === 'file' || kind === 'folder' || kind === 'link') return kind;
  return 'other';
}

function isEmptyFolder(path: string): boolean {
  try {
    const handle = opendirSync(path, { bufferSize: 1 });
    try {
      return handle.readSync() === null;
    } finally {
      handle.closeSync();
    }
  } catch (error) {
    // Gone meanwhile, or misread: the walk into it will tell.
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw fileError(error, `read the folder ${quotePath(path)}`, path);
  }
}

/** @throws ArtifactError `TARGET_CONFLICT` for a name that is not UTF-8: it could be neither compared nor removed */
function sortSound(keys: string[], path: string): string[] {
  const joined = keys.join('\0');
  if (joined.includes(REPLACEMENT)) {
    for (const { name, escaped } of doubtfulNames(path)) {
      if (name !== undefined) continue;
      throw new ArtifactError(
        'TARGET_CONFLICT',
        `${quotePath(path)} holds the name "${escaped}", which is not valid UTF-8; remove or rename it`,
        { details: { subject: path, name: escaped } },
      );
    }
  }
  return sortKeys(keys, joined);
}

class WholeFolder implements TreeFolder {
  readonly #keys: readonly string[];
  readonly #kinds: ReadonlyMap<string, TreeKind>;
  #next = 0;

  constructor(keys: readonly string[], kinds: ReadonlyMap<string, TreeKind>) {
    this.#keys = keys;
    this.#kinds = kinds;
  }

  next(): string | undefined {
    return this.#keys[this.#next++];
  }

  kindOf(key: string): TreeKind {
    return this.#kinds.get(key) ?? 'file';
  }

  [Symbol.dispose](): void {
    // All of it is in memory.
  }
}

/** A folder whose keys lie sorted in a scratch file. */
class LargeFolder implements TreeFolder {
  readonly #path: string;
  readonly #file: string;
  readonly #keysAtOnce: number;
  #runs: readonly KeyRun[];
  #keys: readonly string[] = [];
  #next = 0;

  constructor(large: { path: string; file: string; runs: readonly KeyRun[]; keysAtOnce: number }) {
    this.#path = large.path;
    this.#file = large.file;
    this.#runs = large.runs;
    this.#keysAtOnce = large.keysAtOnce;
  }

  next(): string | undefined {
    if (this.#next === this.#keys.length && this.#runs.length > 0) {
      const after = this.#keys.at(-1);
      const merged = mergeKeyRuns({ file: this.#file, runs: this.#runs, after, count: this.#keysAtOnce });
      this.#keys = merged.keys;
      this.#runs = merged.runs;
      this.#next = 0;
    }
    return this.#keys[this.#next++];
  }

  kindOf(key: string): TreeKind {
    const path = `${this.#path}/${key}`;
    const found = lstatSync(path, { throwIfNoEntry: false });
    return (found === undefined ? undefined : treeKind(kindOf(found, path))) ?? 'file';
  }

  [Symbol.dispose](): void {
    removeKeyRuns(this.#file);
  }
}
