import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactError, type ErrorCode } from '@waybill/core';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EACCES: 'PERMISSION',
  EPERM: 'PERMISSION',
  EROFS: 'PERMISSION',
};

/** An error of the file system as one of ours; one of ours as it is. */
export function scratchError(error: unknown, path: string): ArtifactError {
  if (error instanceof ArtifactError) return error;
  const isError = Error.isError(error);
  const code = isError && 'code' in error && typeof error.code === 'string' ? CODES[error.code] : undefined;
  const message = isError ? error.message : String(error);
  return new ArtifactError(
    code ?? 'IO',
    `scratch file ${path}: ${message}; free space there or use another folder`,
    { cause: error, details: { subject: path } },
  );
}

export interface ScratchFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** A folder for intermediate files, made when the first is wanted; disposing removes it with all that is left. */
export class ScratchFolder implements AsyncDisposable {
  readonly #parent: string;
  readonly #purpose: string;
  #making: Promise<string> | undefined;
  #fileCount = 0;
  readonly #files = new Set<ScratchFile>();

  /** @param folder.parent exists; nothing is left in it */
  constructor(folder: { parent: string; purpose: string }) {
    this.#parent = folder.parent;
    this.#purpose = folder.purpose;
  }

  async create(): Promise<ScratchFile> {
    let path = this.#parent;
    try {
      this.#making ??= mkdtemp(join(this.#parent, `${this.#purpose}-`));
      path = join(await this.#making, String(this.#fileCount++));
      const file = { path, handle: await open(path, 'wx+', 0o600) };
      this.#files.add(file);
      return file;
    } catch (error) {
      throw scratchError(error, path);
    }
  }

  /** Closes and removes a file; its space is free at once. */
  async remove(file: ScratchFile): Promise<void> {
    if (!this.#files.delete(file)) return;
    try {
      await file.handle.close();
      await rm(file.path, { force: true });
    } catch (error) {
      throw scratchError(error, file.path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files) await this.remove(file);
    if (this.#making === undefined) return;
    const [made] = await Promise.allSettled([this.#making]);
    if (made.status !== 'fulfilled') return;
    try {
      await rm(made.value, { recursive: true, force: true });
    } catch (error) {
      throw scratchError(error, made.value);
    }
  }
}
