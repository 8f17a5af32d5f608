import type { DraftWriter, FaultPoints } from '@waybill/core';
import { faultThreadDisk } from './fault-disk.ts';
import { fileError } from './file-errors.ts';
import { nodeThreadDisk, type ThreadDisk } from './thread-disk.ts';

/** Files kept open; more than a hasher has lanes. */
const OPEN_FILES_MAX = 16;

/** Writes into drafts of a folder store. Errors: `NO_SPACE`, `PERMISSION`, `IO`. */
export function createDraftWriter(options: { disk?: ThreadDisk; faults?: FaultPoints } = {}): DraftWriter {
  const disk = options.disk ?? nodeThreadDisk;
  return new FolderDraftWriter(
    options.faults === undefined ? disk : faultThreadDisk(disk, options.faults, 'draft'),
  );
}

class FolderDraftWriter implements DraftWriter {
  readonly #disk: ThreadDisk;
  /** Files stay open until the thread is done with what it is doing: large files come in many small writes. */
  readonly #open = new Map<string, number>();

  constructor(disk: ThreadDisk) {
    this.#disk = disk;
  }

  write(draftPath: string, offset: number, chunks: readonly Uint8Array[]): void {
    try {
      this.#disk.write(this.#openFile(draftPath), chunks, offset);
    } catch (error) {
      throw fileError(error, `write the draft ${draftPath}`, draftPath);
    }
  }

  #openFile(path: string): number {
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    if (this.#open.size >= OPEN_FILES_MAX) this.#closeAll();
    const file = this.#disk.openFile(path);
    if (this.#open.size === 0) setImmediate(() => this.#closeAll());
    this.#open.set(path, file);
    return file;
  }

  #closeAll(): void {
    for (const file of this.#open.values()) this.#disk.closeFile(file);
    this.#open.clear();
  }
}
