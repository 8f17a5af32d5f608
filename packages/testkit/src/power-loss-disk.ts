import { constants } from 'node:fs';
import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** A file of a {@link PowerLossDisk}. */
export interface PowerLossFile {
  write(chunk: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface PowerLossFolders {
  /** What is on the disk now, synced or not. Exists. */
  readonly folder: string;
  /** Where the record of what is durable is kept; made when it is missing. Outlives the process, as the disk does. */
  readonly recordFolder: string;
}

/**
 * A disk with real files that knows what of them a power loss would leave: of a file the bytes it had at its last
 * `sync`, of a folder the names it had at its last `syncFolder`. The worst a file system may do. What goes past this
 * disk (threads writing into an open draft) is as lost as any write, until the file is synced through it.
 *
 * Has the shape of `Disk` in `@waybill/store-fs`. One process at a time.
 */
export class PowerLossDisk {
  readonly #folder: string;
  readonly #data: string;
  readonly #names: string;
  /** Folders are recorded one after the other. */
  #recording: Promise<void> = Promise.resolve();

  constructor(folders: PowerLossFolders) {
    this.#folder = folders.folder;
    this.#data = join(folders.recordFolder, 'data');
    this.#names = join(folders.recordFolder, 'names');
  }

  async makeFolder(path: string): Promise<void> {
    await mkdir(path);
  }

  async createFile(path: string): Promise<PowerLossFile> {
    return this.#file(path, await open(path, 'wx'));
  }

  async openFile(path: string): Promise<PowerLossFile> {
    return this.#file(path, await open(path, constants.O_WRONLY | constants.O_APPEND));
  }

  async link(from: string, to: string): Promise<void> {
    await link(from, to);
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    await unlink(path);
  }

  async removeFolder(path: string): Promise<void> {
    await rmdir(path);
  }

  async syncFolder(path: string): Promise<void> {
    await stat(path);
    const recording = this.#recording.then(() => this.#recordNames(path));
    this.#recording = recording.catch(() => undefined);
    await recording;
  }

  /** Reduces the folder to what is durable. Nothing may be using it. */
  async powerLoss(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) await rm(join(this.#folder, name), { recursive: true });
    await this.#restore(this.#names, this.#folder);
  }

  #file(path: string, handle: FileHandle): PowerLossFile {
    return {
      write: async (chunk) => {
        await handle.writeFile(chunk);
      },
      sync: () => this.#recordData(path, handle),
      close: () => handle.close(),
    };
  }

  async #recordData(path: string, handle: FileHandle): Promise<void> {
    const { ino, birthtimeNs } = await handle.stat({ bigint: true });
    const recorded = join(this.#data, `${ino}-${birthtimeNs}`);
    await mkdir(this.#data, { recursive: true });
    await copyFile(path, `${recorded}.new`, constants.COPYFILE_FICLONE);
    await rename(`${recorded}.new`, recorded);
  }

  async #recordNames(folder: string): Promise<void> {
    const record = join(this.#names, relative(this.#folder, folder));
    if (relative(this.#folder, folder).startsWith('..')) return;
    await mkdir(record, { recursive: true });
    const items = await readdir(folder, { withFileTypes: true });
    const present = new Set(items.map((item) => item.name));
    for (const name of await readdir(record)) {
      if (!present.has(name)) await rm(join(record, name), { recursive: true });
    }
    for (const item of items) {
      if (item.isDirectory()) await mkdir(join(record, item.name), { recursive: true });
      else await this.#recordName(join(folder, item.name), join(record, item.name));
    }
  }

  /** The record of a name is a file that says which inode has it. */
  async #recordName(path: string, record: string): Promise<void> {
    try {
      const { ino, birthtimeNs } = await stat(path, { bigint: true });
      await writeFile(record, `${ino}-${birthtimeNs}`);
    } catch (error) {
      // Removed while the folder was being recorded.
      if (!(Error.isError(error) && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }

  async #restore(record: string, folder: string): Promise<void> {
    await mkdir(record, { recursive: true });
    for (const item of await readdir(record, { withFileTypes: true })) {
      const path = join(folder, item.name);
      if (item.isDirectory()) {
        await mkdir(path);
        await this.#restore(join(record, item.name), path);
      } else {
        const inode = await readFile(join(record, item.name), 'utf8');
        await this.#restoreFile(join(this.#data, inode), path);
        // The file is another inode now, and the record goes on with that one.
        await this.#recordName(path, join(record, item.name));
      }
    }
  }

  /** A name without synced bytes is an empty file. */
  async #restoreFile(data: string, path: string): Promise<void> {
    const bytes = await readFile(data).catch(() => new Uint8Array(0));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes, { flag: 'wx' });
    if (bytes.length === 0) return;
    const { ino, birthtimeNs } = await stat(path, { bigint: true });
    await copyFile(path, join(this.#data, `${ino}-${birthtimeNs}`), constants.COPYFILE_FICLONE);
  }
}
