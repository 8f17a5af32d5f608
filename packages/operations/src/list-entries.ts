import { ArtifactError, type Entry, normalizeEntryPath, quotePath, type VersionRecord } from '@waybill/core';
import { lookupEntry, openManifest, scanEntries, type VersionManifest } from './manifest-scan.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { resolveVersion, versionName } from './resolve-version.ts';
import type { ListEntriesRequest, ListEntriesResult, ListedEntry } from './results.ts';

/** The character behind `/`: what follows a folder's contents in path order begins with it. */
const BEHIND_SLASH = '0';

/**
 * Lists a folder of a version like a directory: its files and its folders, in UTF-8 byte order (a folder as its name
 * with `/`), a page at a time. Only the rows around what is listed are read: a folder's contents are skipped.
 *
 * `prefix` may also be an entry, which is then listed alone, in front of a folder of the same name (which references
 * may have).
 *
 * @throws ArtifactError `NOT_FOUND` (version, or nothing under the prefix), `INVALID_PATH`, `CORRUPT`
 */
export async function listEntries(
  ports: Pick<OperationPorts, 'catalog' | 'store' | 'manifests'>,
  request: ListEntriesRequest,
  options: OperationOptions = {},
): Promise<ListEntriesResult> {
  const version = await resolveVersion(ports, request.ref, options);
  const manifest = await openManifest(ports, version, options);
  const path = request.prefix === '' || request.prefix === '/' ? '' : normalizeEntryPath(request.prefix);
  const folder = path === '' ? '' : `${path}/`;
  const listing = new Listing(folder, request.limit);
  if (request.after === undefined && path !== '' && !request.prefix.endsWith('/')) {
    listing.addFile(await lookupEntry(manifest, path, options));
  }
  const from = startOf({ path, folder, after: request.after });
  if (from !== undefined) await listFolder(manifest, { listing, from }, options);
  if (listing.isEmpty && path !== '' && request.after === undefined) throw nothingUnder(version, path);
  return { version, ...listing.page() };
}

async function listFolder(
  manifest: VersionManifest,
  state: { listing: Listing; from: string },
  options: OperationOptions,
): Promise<void> {
  const { listing } = state;
  let from: string | undefined = state.from;
  while (from !== undefined) {
    const start: string = from;
    from = undefined;
    for await (const block of scanEntries(manifest, { from: start, prefix: listing.folder }, options)) {
      for (const entry of block) listing.add(entry);
      if (listing.isFull) return;
      // A block that ends inside a subfolder: the rest of that is passed over by looking up what is behind it.
      from = listing.behindOpenFolder(block.at(-1));
      if (from !== undefined) break;
    }
  }
}

/** Collects one page, and one item more to know whether there is another page. */
class Listing {
  readonly folder: string;
  readonly #limit: number;
  readonly #items: ListedEntry[] = [];
  #openFolder: string | undefined;

  constructor(folder: string, limit: number) {
    this.folder = folder;
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#items.length > this.#limit;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  addFile(entry: Entry | undefined): void {
    if (entry !== undefined) this.#items.push({ kind: 'file', path: entry.path, entry });
  }

  add(entry: Entry): void {
    if (this.isFull || (this.#openFolder !== undefined && entry.path.startsWith(this.#openFolder))) return;
    const slash = entry.path.indexOf('/', this.folder.length);
    if (slash < 0) {
      this.addFile(entry);
      return;
    }
    this.#openFolder = entry.path.slice(0, slash + 1);
    this.#items.push({ kind: 'folder', path: this.#openFolder });
  }

  /** Where to go on when the last entry read lies in a folder that is listed already. */
  behindOpenFolder(last: Entry | undefined): string | undefined {
    const open = this.#openFolder;
    return open !== undefined && last?.path.startsWith(open) === true ? behindFolder(open) : undefined;
  }

  page(): Pick<ListEntriesResult, 'items' | 'next'> {
    const items = this.#items.slice(0, this.#limit);
    return { items, next: this.isFull ? items.at(-1)?.path : undefined };
  }
}

/** Where a page begins; `undefined` when nothing of the folder can follow an item that is not in it. */
function startOf(place: { path: string; folder: string; after: string | undefined }): string | undefined {
  const { path, folder, after } = place;
  // Listed in front of the folder of the same name.
  if (after === undefined || after === path) return folder;
  if (!after.startsWith(folder)) return undefined;
  const slash = after.indexOf('/', folder.length);
  // No path contains NUL, so this is the least one behind the file.
  return slash < 0 ? `${after}\0` : behindFolder(after.slice(0, slash + 1));
}

function behindFolder(folder: string): string {
  return folder.slice(0, -1) + BEHIND_SLASH;
}

function nothingUnder(version: VersionRecord, path: string): ArtifactError {
  return new ArtifactError(
    'NOT_FOUND',
    `${versionName(version)} has no entry or folder ${quotePath(path)}; \`waybill ls ${versionName(version)}\` lists the top`,
    { details: { subject: versionName(version), path } },
  );
}
