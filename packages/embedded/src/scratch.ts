import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder for this process's intermediate files, made when it is first asked for, removed at the end. It lies where
 * the system keeps temporary files (`TMPDIR`), which also cleans up after a process that was killed.
 */
export class Scratch implements Disposable {
  #folder: string | undefined;

  get folder(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'waybill-'));
    return this.#folder;
  }

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
