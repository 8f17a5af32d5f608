import { lstat, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  ArtifactError,
  type BlobStore,
  type ByteRange,
  type CallOptions,
  type FaultPoints,
  type ObjectDraft,
  type ObjectInfo,
  type ObjectKey,
  type Random,
  storeKeys,
  throwIfCancelled,
} from '@waybill/core';
import { type Disk, nodeDisk } from './disk.ts';
import { faultDisk } from './fault-disk.ts';
import { fileError, hasErrno } from './file-errors.ts';
import { FolderDraft } from './folder-draft.ts';
import { listObjects } from './list-objects.ts';
import { objectPath } from './object-path.ts';
import { ObjectWriter } from './object-writer.ts';
import { readFailed, readObjectRange, readObjectStream } from './read-object.ts';
import { readStoreFile, STORE_FILE, writeStoreFile } from './store-claim.ts';

export interface FolderStoreOptions {
  /** The store's folder; made, with what is missing above it, when something is first written. */
  readonly folder: string;
  readonly random: Random;
  readonly disk?: Disk;
  /** Reached as `store.<effect>` before every effect on disk. */
  readonly faults?: FaultPoints;
}

/**
 * A blob store in a folder, local or on a network file system, laid out as `docs/formats/store.md` says. Any number
 * of processes may use it. A folder that cannot be written can still be read.
 *
 * @throws ArtifactError `INVALID_ARGUMENT` when something else than a folder is there; `PERMISSION`; `IO`
 */
export async function openFolderStore(options: FolderStoreOptions): Promise<BlobStore> {
  const folder = resolve(options.folder);
  await assertFolder(folder);
  const disk = options.disk ?? nodeDisk;
  return new FolderStore({
    folder,
    random: options.random,
    disk: options.faults === undefined ? disk : faultDisk(disk, options.faults),
  });
}

/** That nothing but a folder has the name. */
async function assertFolder(folder: string): Promise<void> {
  try {
    if ((await stat(folder)).isDirectory()) return;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return;
    if (!hasErrno(error, 'ENOTDIR')) throw fileError(error, `open the store in folder ${folder}`, folder);
  }
  throw new ArtifactError(
    'INVALID_ARGUMENT',
    `the store ${folder} is not a folder; set WAYBILL_STORE to a folder`,
    {
      details: { subject: folder },
    },
  );
}

class FolderStore implements BlobStore {
  readonly description: string;
  readonly #folder: string;
  readonly #random: Random;
  readonly #disk: Disk;
  readonly #writer: ObjectWriter;

  constructor(store: { folder: string; random: Random; disk: Disk }) {
    this.description = `folder ${store.folder}`;
    this.#folder = store.folder;
    this.#random = store.random;
    this.#disk = store.disk;
    this.#writer = new ObjectWriter(store);
  }

  async claim(catalogId: string, options: CallOptions = {}): Promise<string> {
    throwIfCancelled(options.signal);
    const folder = this.#folder;
    try {
      const owner = await readStoreFile(folder);
      if (owner !== undefined) return owner;
      await this.#writer.makeStoreFolder();
      await writeStoreFile(this.#disk, { folder, catalogId, unique: this.#random.uniqueName() });
      return (await readStoreFile(folder)) ?? catalogId;
    } catch (error) {
      throw fileError(error, `bind the store in folder ${folder} to its catalog`, `${folder}/${STORE_FILE}`);
    }
  }

  async createDraft(options: { entity: string; ingestId: string } & CallOptions): Promise<ObjectDraft> {
    const staging = storeKeys.staging(options.entity, options.ingestId);
    const path = objectPath(this.#folder, `${staging}draft-${this.#random.uniqueName()}`);
    throwIfCancelled(options.signal);
    await this.#writer.createDraft(path);
    return new FolderDraft(path, this.#writer);
  }

  async writeObject(
    key: ObjectKey,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): Promise<void> {
    throwIfCancelled(options.signal);
    await this.#writer.write(key, chunks);
  }

  async readRange(key: ObjectKey, range: ByteRange, options: CallOptions = {}): Promise<Uint8Array> {
    throwIfCancelled(options.signal);
    return readObjectRange({ folder: this.#folder, key }, range);
  }

  readStream(key: ObjectKey, options: { range?: ByteRange } & CallOptions = {}): AsyncGenerator<Uint8Array> {
    const object = { folder: this.#folder, key };
    return readObjectStream(object, { range: options.range, signal: options.signal });
  }

  async sizeOf(key: ObjectKey, options: CallOptions = {}): Promise<number | undefined> {
    const path = objectPath(this.#folder, key);
    throwIfCancelled(options.signal);
    try {
      const found = await lstat(path);
      return found.isFile() ? found.size : undefined;
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw readFailed({ folder: this.#folder, key }, error);
    }
  }

  list(prefix: string, options: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    return listObjects({ folder: this.#folder, prefix, signal: options.signal });
  }

  async remove(key: ObjectKey, options: CallOptions = {}): Promise<void> {
    const path = objectPath(this.#folder, key);
    throwIfCancelled(options.signal);
    await this.#writer.remove(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing stays open between calls.
  }
}
