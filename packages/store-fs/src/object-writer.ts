import { dirname } from 'node:path';
import { ArtifactError, type ObjectKey } from '@waybill/core';
import type { Disk, DiskFile } from './disk.ts';
import { DurableFolders } from './durable-folders.ts';
import { errnoOf, fileError, hasErrno } from './file-errors.ts';
import { joinChunks } from './join-chunks.ts';
import { moveIntoPlace } from './move-into-place.ts';
import { objectPath } from './object-path.ts';

const STAGING_FOLDER = /\/staging\/[^/]+$/;

/** Everything that changes the objects in a store's folder. */
export class ObjectWriter {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #folders: DurableFolders;

  constructor(store: { folder: string; disk: Disk }) {
    this.#folder = store.folder;
    this.#disk = store.disk;
    this.#folders = new DurableFolders(store.disk, store.folder);
  }

  async makeStoreFolder(): Promise<void> {
    await this.#folders.ensure(this.#folder);
  }

  async createDraft(path: string): Promise<void> {
    try {
      const file = await this.#createFile(path);
      await file.close();
    } catch (error) {
      throw fileError(error, `make a draft in ${dirname(path)}`, path);
    }
  }

  /** Writes an object under its own name: nothing refers to it before it is whole and durable. */
  async write(key: ObjectKey, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const path = objectPath(this.#folder, key);
    let file: DiskFile;
    try {
      file = await this.#createFile(path);
    } catch (error) {
      throw this.#writeFailed(key, error);
    }
    try {
      try {
        for await (const chunk of joinChunks(chunks)) await file.write(chunk);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#disk.syncFolder(dirname(path));
    } catch (error) {
      await this.#tryUnlink(path);
      throw this.#writeFailed(key, error);
    }
  }

  /** Makes the bytes of a file durable, not its name. Errors are the system's. */
  async sync(path: string): Promise<void> {
    const file = await this.#disk.openFile(path);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Makes a filled draft the object `key`. When it fails the draft may still be there. */
  async publish(draftPath: string, key: ObjectKey): Promise<void> {
    const path = objectPath(this.#folder, key);
    let placed = false;
    try {
      await this.sync(draftPath);
      await this.#folders.ensure(dirname(path));
      placed = await moveIntoPlace(this.#disk, draftPath, path);
      if (!placed) throw this.#exists(key);
      await this.#disk.syncFolder(dirname(path));
    } catch (error) {
      if (placed) await this.#tryUnlink(path);
      throw this.#writeFailed(key, error);
    }
  }

  /** Not made durable: what comes back after a power loss is found by the next collection, as any orphan is. */
  async remove(path: string): Promise<void> {
    try {
      await this.#disk.unlink(path);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ENOTDIR')) throw fileError(error, `remove ${path}`, path);
    }
    const folder = dirname(path);
    if (STAGING_FOLDER.test(folder)) await this.#removeStagingFolder(folder);
  }

  /** An ingest's staging goes with the last object in it. */
  async #removeStagingFolder(folder: string): Promise<void> {
    try {
      await this.#disk.removeFolder(folder);
      this.#folders.forget(folder);
    } catch (error) {
      // Not empty, or gone already, or not ours to remove: an empty folder left behind harms nobody.
      if (errnoOf(error) === undefined) throw error;
    }
  }

  async #createFile(path: string): Promise<DiskFile> {
    const folder = dirname(path);
    await this.#folders.ensure(folder);
    try {
      return await this.#disk.createFile(path);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error;
      // The last object of a staging folder was removed meanwhile, by this process or another.
      this.#folders.forget(folder);
      await this.#folders.ensure(folder);
      return this.#disk.createFile(path);
    }
  }

  async #tryUnlink(path: string): Promise<void> {
    // Nothing refers to it, so what cannot be removed now is an orphan for the next collection.
    await this.#disk.unlink(path).catch(() => undefined);
  }

  #exists(key: ObjectKey, cause?: unknown): ArtifactError {
    return new ArtifactError(
      'OBJECT_EXISTS',
      `object ${key} is already in folder ${this.#folder}, and no key is written twice; run the command again`,
      { cause, details: { subject: key } },
    );
  }

  /** What the producer of the bytes threw is passed on as it is. */
  #writeFailed(key: ObjectKey, error: unknown): unknown {
    if (hasErrno(error, 'EEXIST')) return this.#exists(key, error);
    if (errnoOf(error) === undefined) return error;
    return fileError(error, `write object ${key} in folder ${this.#folder}`, key);
  }
}
