import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { assertKeyPrefix, isObjectKey, type ObjectInfo, throwIfCancelled } from '@waybill/core';
import { fileError, hasErrno } from './file-errors.ts';

/** Sizes asked for at the same time. */
const SIZES_IN_FLIGHT = 64;

interface Listing {
  readonly folder: string;
  readonly prefix: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Objects whose keys begin with a prefix, in byte order. Holds the names of one folder a level; what a store has not
 * made (names that no key has, links) is passed over, and so is what vanishes meanwhile.
 */
export async function* listObjects(listing: Listing): AsyncGenerator<ObjectInfo> {
  assertKeyPrefix(listing.prefix);
  const slash = listing.prefix.lastIndexOf('/');
  yield* listFolder(listing, listing.prefix.slice(0, slash + 1));
}

/** `folder` is empty or ends in `/`. */
async function* listFolder(listing: Listing, folder: string): AsyncGenerator<ObjectInfo> {
  throwIfCancelled(listing.signal);
  const names = await readNames(listing, folder);
  let files: string[] = [];
  for (const name of names) {
    const key = folder + name;
    if (name.endsWith('/')) {
      yield* withSizes(listing, files);
      files = [];
      yield* listFolder(listing, key);
    } else if (isObjectKey(key)) {
      files.push(key);
    }
  }
  yield* withSizes(listing, files);
}

/** Names that may lead to wanted keys, in byte order; those of folders end in `/`, which decides their place. */
async function readNames(listing: Listing, folder: string): Promise<string[]> {
  const path = `${listing.folder}/${folder}`;
  let found: Dirent[];
  try {
    found = await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw fileError(error, `list the folder ${path}`, path);
  }
  const names: string[] = [];
  for (const item of found) {
    const name = item.isDirectory() ? `${item.name}/` : item.name;
    if (!item.isDirectory() && !item.isFile()) continue;
    if (isWanted(folder + name, listing.prefix)) names.push(name);
  }
  // Keys are ASCII, so the order of strings is that of bytes.
  return names.toSorted((a, b) => (a < b ? -1 : 1));
}

function isWanted(key: string, prefix: string): boolean {
  return key.startsWith(prefix) || (key.endsWith('/') && prefix.startsWith(key));
}

async function* withSizes(listing: Listing, keys: readonly string[]): AsyncGenerator<ObjectInfo> {
  for (let at = 0; at < keys.length; at += SIZES_IN_FLIGHT) {
    throwIfCancelled(listing.signal);
    const group = keys.slice(at, at + SIZES_IN_FLIGHT);
    const infos = await Promise.all(group.map((key) => infoOf(listing.folder, key)));
    for (const info of infos) if (info !== undefined) yield info;
  }
}

async function infoOf(folder: string, key: string): Promise<ObjectInfo | undefined> {
  const path = `${folder}/${key}`;
  try {
    const { size } = await lstat(path);
    return { key, sizeBytes: size };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fileError(error, `look at ${path}`, path);
  }
}
