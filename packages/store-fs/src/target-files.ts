import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import {
  assertEntryPath,
  type FaultPoints,
  quotePath,
  type TargetFile,
  type TargetFiles,
  type TargetLookup,
  type TargetRoot,
} from '@waybill/core';
import { faultThreadDisk } from './fault-disk.ts';
import { fileError, hasErrno } from './file-errors.ts';
import { OpenSourceFile } from './source-files.ts';
import { TargetFolders } from './target-folders.ts';
import { nodeThreadDisk, type ThreadDisk } from './thread-disk.ts';

/**
 * Names of files that are not complete yet begin so. What a killed download left behind is not looked for: folders may
 * be large, and whether a writer lives nobody can tell who is in another container or on another machine.
 */
const PART_PREFIX = '.waybill-part-';
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Folders people download into, as a thread writes them. Errors: `TARGET_CONFLICT`, `NO_SPACE`, `PERMISSION`, `IO`,
 * `INVALID_PATH`.
 */
export function createTargetFiles(options: { disk?: ThreadDisk; faults?: FaultPoints } = {}): TargetFiles {
  const plain = options.disk ?? nodeThreadDisk;
  const disk = options.faults === undefined ? plain : faultThreadDisk(plain, options.faults, 'target');
  return { openRoot: (root) => new FolderTarget(root, disk) };
}

class FolderTarget implements TargetRoot {
  readonly #disk: ThreadDisk;
  readonly #folders: TargetFolders;
  readonly #parts = new Set<PartFile>();

  constructor(root: string, disk: ThreadDisk) {
    this.#disk = disk;
    this.#folders = new TargetFolders(root, disk);
  }

  writeFile(path: string, content: readonly Uint8Array[], options: { replace: boolean }): void {
    assertEntryPath(path);
    const file = this.#tryCreate(path);
    if (file === undefined) {
      this.#assertReplaceable(path, options);
      using part = this.#createPart(path, options);
      for (const chunk of content) part.write(chunk);
      part.commit();
      return;
    }
    const absolute = this.#folders.absolute(path);
    try {
      try {
        this.#disk.write(file, content, undefined);
      } finally {
        this.#disk.closeFile(file);
      }
    } catch (error) {
      this.#tryUnlink(absolute);
      throw fileError(error, `write ${quotePath(absolute)}`, absolute);
    }
  }

  createFile(path: string, options: { replace: boolean }): TargetFile {
    assertEntryPath(path);
    this.#folders.make(path);
    this.#assertReplaceable(path, options);
    return this.#createPart(path, options);
  }

  openFile(path: string): TargetLookup {
    assertEntryPath(path);
    const obstacle = this.#folders.obstacle(path);
    if (obstacle !== undefined) return { kind: obstacle };
    const absolute = this.#folders.absolute(path);
    let file: number;
    try {
      file = openSync(absolute, READ);
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return { kind: 'missing' };
      // A link (ELOOP), a socket (ENXIO).
      if (hasErrno(error, 'ELOOP', 'ENXIO', 'ENODEV')) return { kind: 'not-a-file' };
      throw fileError(error, `read ${quotePath(absolute)}`, absolute);
    }
    if (fstatSync(file).isFile()) {
      return { kind: 'file', file: new OpenSourceFile(file, absolute) };
    }
    closeSync(file);
    return { kind: 'not-a-file' };
  }

  [Symbol.dispose](): void {
    for (const part of this.#parts) part[Symbol.dispose]();
  }

  /** Descriptor of a new file under the entry's own name, `undefined` when something has the name. */
  #tryCreate(path: string): number | undefined {
    for (let attempt = 0; ; attempt++) {
      const absolute = this.#folders.make(path);
      try {
        return this.#disk.createFile(absolute);
      } catch (error) {
        if (hasErrno(error, 'EEXIST')) return undefined;
        if (attempt > 0 || !hasErrno(error, 'ENOENT', 'ENOTDIR')) {
          throw fileError(error, `make the file ${quotePath(absolute)}`, absolute);
        }
        // A folder that was there before has been removed: look at all of them again.
        this.#folders.forget();
      }
    }
  }

  /** That nothing has the entry's name but a file that may be replaced. */
  #assertReplaceable(path: string, options: { replace: boolean }): void {
    const found: Stats | undefined = this.#folders.look(path);
    if (found === undefined || (options.replace && found.isFile())) return;
    throw this.#folders.conflict(path, found);
  }

  #createPart(path: string, options: { replace: boolean }): PartFile {
    const absolute = this.#folders.absolute(path);
    const slash = absolute.lastIndexOf('/');
    const partPath = `${absolute.slice(0, slash + 1)}${PART_PREFIX}${randomBytes(10).toHex()}`;
    try {
      const part = new PartFile({
        disk: this.#disk,
        file: this.#disk.createFile(partPath),
        partPath,
        path: absolute,
        check: () => this.#assertReplaceable(path, options),
        ended: () => this.#parts.delete(part),
      });
      this.#parts.add(part);
      return part;
    } catch (error) {
      throw fileError(error, `make a file beside ${quotePath(absolute)}`, absolute);
    }
  }

  #tryUnlink(absolute: string): void {
    try {
      this.#disk.unlink(absolute);
    } catch {
      // The error that made it useless is the one to report.
    }
  }
}

interface PartOptions {
  readonly disk: ThreadDisk;
  readonly file: number;
  readonly partPath: string;
  readonly path: string;
  /** That the final name may be taken. */
  readonly check: () => void;
  readonly ended: () => void;
}

/** A file beside its final name. */
class PartFile implements TargetFile {
  readonly #options: PartOptions;
  #file: number | undefined;
  #placed = false;

  constructor(options: PartOptions) {
    this.#options = options;
    this.#file = options.file;
  }

  write(chunk: Uint8Array): void {
    const { disk, path } = this.#options;
    try {
      disk.write(this.#file ?? -1, [chunk], undefined);
    } catch (error) {
      throw fileError(error, `write ${quotePath(path)}`, path);
    }
  }

  commit(): void {
    const { disk, path, partPath, check } = this.#options;
    try {
      this.#close();
      check();
      disk.rename(partPath, path);
      this.#placed = true;
    } catch (error) {
      throw fileError(error, `write ${quotePath(path)}`, path);
    }
  }

  [Symbol.dispose](): void {
    const { disk, partPath, ended } = this.#options;
    ended();
    try {
      this.#close();
      if (!this.#placed) disk.unlink(partPath);
    } catch {
      // Removed by somebody else; or an error follows the one that is on its way already.
    }
    this.#placed = true;
  }

  #close(): void {
    if (this.#file !== undefined) this.#options.disk.closeFile(this.#file);
    this.#file = undefined;
  }
}
