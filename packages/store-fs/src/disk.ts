import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rmdir, unlink } from 'node:fs/promises';
import { hasErrno } from './file-errors.ts';

/**
 * Every effect the store has on a disk, so that tests can stop before each and can lose what was not synced. Paths
 * are absolute. Errors are those of the system, untranslated.
 */
export interface Disk {
  /** Makes one folder below an existing one. */
  makeFolder(path: string): Promise<void>;
  /** A new empty file; `EEXIST` when anything has the name. */
  createFile(path: string): Promise<DiskFile>;
  /** An existing file, to be synced. */
  openFile(path: string): Promise<DiskFile>;
  /** A second name for a file; `EEXIST` when anything has it. */
  link(from: string, to: string): Promise<void>;
  /** Replaces what has the new name. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>;
}

export interface DiskFile {
  /** Writes the whole chunk behind what was written before. */
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the file's bytes durable; its name is the business of `syncFolder`. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

class NodeDiskFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(chunk, at, chunk.length - at, null);
      at += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

const CREATE_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const EXISTING = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

/** The real disk. Everything runs on the system's threads, so a slow sync never holds up the main loop. */
export const nodeDisk: Disk = {
  async makeFolder(path) {
    await mkdir(path);
  },
  async createFile(path) {
    return new NodeDiskFile(await open(path, CREATE_NEW));
  },
  async openFile(path) {
    return new NodeDiskFile(await open(path, EXISTING));
  },
  link,
  rename,
  unlink,
  removeFolder: rmdir,
  async syncFolder(path) {
    const handle = await open(path, FOLDER);
    try {
      await handle.sync();
    } catch (error) {
      // Some network file systems have no such thing; there a name is durable when the server has answered.
      if (!hasErrno(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
    } finally {
      await handle.close();
    }
  },
};
