import { rmdirSync, unlinkSync } from 'node:fs';
import { mkdir, opendir, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import {
  ArtifactError,
  assertEntryPath,
  type CallOptions,
  decodeNames,
  type EncodedNames,
  quotePath,
  type TargetTree,
  type TreeEntry,
  throwIfCancelled,
} from '@waybill/core';
import { fileError, hasErrno } from './file-errors.ts';
import { streamItems } from './folder-items.ts';
import { nextTurn } from './next-turn.ts';
import { isFolderKey } from './sort-keys.ts';
import { TargetFolders } from './target-folders.ts';
import { nodeThreadDisk } from './thread-disk.ts';
import { TreeReader } from './tree-reader.ts';
import { WALK_LIMITS, type WalkLimits } from './walk-request.ts';

export interface TargetTreeOptions {
  /** For the names of folders too large to sort in memory; the system's temporary folder by default. */
  readonly scratchFolder?: string;
  /** For tests. */
  readonly limits?: Partial<WalkLimits>;
}

/** Folders people download into. Errors: `INVALID_ARGUMENT`, `TARGET_CONFLICT`, `NOT_FOUND`, `NO_SPACE`, `PERMISSION`, `IO`. */
export function createTargetTree(options: TargetTreeOptions = {}): TargetTree {
  const scratchFolder = options.scratchFolder ?? tmpdir();
  const limits = { ...WALK_LIMITS, ...options.limits };
  return {
    locate,
    prepare,
    resolve: resolveRoot,
    walk: (root, { signal } = {}) => walkTree({ root, scratchFolder, limits, signal }),
    removeFiles,
    removeEmptyFolders,
  };
}

async function locate(root: string, options: CallOptions = {}): Promise<string> {
  throwIfCancelled(options.signal);
  const path = resolve(root);
  try {
    return await realpath(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTDIR'))
      throw fileError(error, `use the folder ${quotePath(root)}`, root);
    return join(await locate(dirname(path), options), basename(path));
  }
}

async function prepare(root: string, options: CallOptions = {}): Promise<{ root: string; empty: boolean }> {
  throwIfCancelled(options.signal);
  try {
    // Without the `..` that are in it, as `locate` takes it: links must not make the two differ.
    await mkdir(resolve(root), { recursive: true });
    const real = await realpath(resolve(root));
    const folder = await opendir(real);
    try {
      return { root: real, empty: (await folder.read()) === null };
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (hasErrno(error, 'EEXIST', 'ENOTDIR')) throw noFolder(root, error);
    throw fileError(error, `use the folder ${quotePath(root)}`, root);
  }
}

async function resolveRoot(root: string, options: CallOptions = {}): Promise<string> {
  throwIfCancelled(options.signal);
  try {
    if (!(await stat(root)).isDirectory()) throw noFolder(root);
    return await realpath(root);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTDIR')) throw fileError(error, `read ${quotePath(root)}`, root);
    throw new ArtifactError('NOT_FOUND', `there is no folder ${quotePath(root)}; check the path`, {
      cause: error,
      details: { subject: root },
    });
  }
}

function noFolder(root: string, cause?: unknown): ArtifactError {
  return new ArtifactError('INVALID_ARGUMENT', `${quotePath(root)} is not a folder; name a folder`, {
    cause,
    details: { subject: root },
  });
}

async function* walkTree(walk: {
  root: string;
  scratchFolder: string;
  limits: WalkLimits;
  signal: AbortSignal | undefined;
}): AsyncGenerator<readonly TreeEntry[]> {
  const reader = new TreeReader(walk);
  const frames = [{ folder: '', items: reader.read('') }];
  let entries: TreeEntry[] = [];
  try {
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const key = frame.items.next();
      if (key === undefined) {
        frame.items[Symbol.dispose]();
        frames.pop();
      } else if (isFolderKey(key)) {
        throwIfCancelled(walk.signal);
        const folder = frame.folder + key;
        frames.push({ folder, items: reader.read(folder) });
      } else {
        entries.push({ path: frame.folder + key, kind: frame.items.kindOf(key) });
      }
      if (entries.length < walk.limits.batchEntries) continue;
      yield entries;
      entries = [];
      await nextTurn();
    }
    if (entries.length > 0) yield entries;
  } finally {
    for (const { items } of frames) items[Symbol.dispose]();
  }
}

async function removeFiles(root: string, names: EncodedNames, options: CallOptions = {}): Promise<void> {
  throwIfCancelled(options.signal);
  const folders = new TargetFolders(root, nodeThreadDisk);
  for (const path of decodeNames(names)) {
    assertEntryPath(path);
    const obstacle = folders.obstacle(path);
    if (obstacle === 'missing') continue;
    if (obstacle === 'through-link') throw folders.linkOnTheWay(path);
    const absolute = folders.absolute(path);
    try {
      unlinkSync(absolute);
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) continue;
      if (hasErrno(error, 'EISDIR')) throw folders.conflict(path, folders.look(path));
      throw fileError(error, `remove ${quotePath(absolute)}`, absolute);
    }
  }
}

async function removeEmptyFolders(root: string, options: CallOptions = {}): Promise<number> {
  let removed = 0;
  let read = 0;
  const frames = [{ path: root, folders: subfolders(root) }];
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const folder = frame.folders.pop();
    if (folder !== undefined) {
      frames.push({ path: folder, folders: subfolders(folder) });
      if (++read % 100 === 0) await nextTurn();
      throwIfCancelled(options.signal);
      continue;
    }
    frames.pop();
    if (frames.length > 0 && removeIfEmpty(frame.path)) removed++;
  }
  return removed;
}

function subfolders(path: string): string[] {
  const folders: string[] = [];
  try {
    for (const item of streamItems(path)) if (item.isDirectory()) folders.push(`${path}/${item.name}`);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTDIR'))
      throw fileError(error, `read the folder ${quotePath(path)}`, path);
  }
  return folders;
}

function removeIfEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY')) return false;
    throw fileError(error, `remove the folder ${quotePath(path)}`, path);
  }
}
