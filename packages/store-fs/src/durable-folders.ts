import { dirname } from 'node:path';
import type { Disk } from './disk.ts';
import { hasErrno } from './file-errors.ts';
import { exists } from './move-into-place.ts';

/** Folders remembered as made and durable; beyond that they are looked at again. */
const FOLDERS_MAX = 8_192;

/** Makes the folders of a store as they are needed, their names durable before anything is put into them. */
export class DurableFolders {
  readonly #disk: Disk;
  readonly #storeFolder: string;
  readonly #known = new Map<string, Promise<void>>();

  constructor(disk: Disk, storeFolder: string) {
    this.#disk = disk;
    this.#storeFolder = storeFolder;
  }

  /** Resolves when the folder is there and its name and those above it, up to the store's own folder, are durable. */
  ensure(folder: string): Promise<void> {
    const known = this.#known.get(folder);
    if (known !== undefined) return known;
    if (this.#known.size >= FOLDERS_MAX) this.#known.clear();
    const making = this.#make(folder);
    this.#known.set(folder, making);
    making.catch(() => this.forget(folder));
    return making;
  }

  /** To be called when a folder may have been removed. */
  forget(folder: string): void {
    this.#known.delete(folder);
  }

  async #make(folder: string): Promise<void> {
    if (folder === this.#storeFolder) return this.#makeStoreFolder(folder);
    const parent = dirname(folder);
    await this.ensure(parent);
    try {
      await this.#disk.makeFolder(folder);
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
    // Also when it was there: another process may have made it and not synced it yet.
    await this.#disk.syncFolder(parent);
  }

  /** The store's folder and what is missing above it. What exists above is not ours to sync. */
  async #makeStoreFolder(folder: string): Promise<void> {
    if (await exists(folder)) return;
    const parent = dirname(folder);
    await this.#makeStoreFolder(parent);
    try {
      await this.#disk.makeFolder(folder);
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
    await this.#disk.syncFolder(parent);
  }
}
