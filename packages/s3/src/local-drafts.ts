import { lstat, mkdir, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ArtifactError, type ErrorCode, type ObjectInfo, type ObjectKey } from '@waybill/core';

const DRAFT_KEY = /\/staging\/[^/]+\/draft-[^/]+$/;
const MAKE_ATTEMPTS = 10;

/** Whether a key is that of a draft, which only ever lies on the machine that fills it. */
export function isDraftKey(key: ObjectKey): boolean {
  return DRAFT_KEY.test(key);
}

/**
 * Drafts as files of a local folder, under the keys they would have in a store. A killed process leaves its drafts
 * behind; they are listed and removed with the rest of their ingest's staging.
 */
export class LocalDrafts {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  pathOf(key: ObjectKey): string {
    return `${this.#folder}/${key}`;
  }

  /** Makes an empty file and answers its path. `NO_SPACE`, `PERMISSION`, `IO`. */
  async create(key: ObjectKey): Promise<string> {
    const path = this.pathOf(key);
    try {
      await createFile(path);
    } catch (error) {
      throw draftError(error, { task: `make a draft in ${dirname(path)}`, path });
    }
    return path;
  }

  async remove(key: ObjectKey): Promise<void> {
    const path = this.pathOf(key);
    try {
      await unlink(path);
    } catch (error) {
      if (!isGone(error)) throw draftError(error, { task: `remove the draft ${path}`, path });
    }
    // Goes with the last draft in it; one that is not empty, or not ours to remove, harms nobody.
    await rmdir(dirname(path)).catch(() => undefined);
  }

  async sizeOf(key: ObjectKey): Promise<number | undefined> {
    const path = this.pathOf(key);
    try {
      const found = await lstat(path);
      return found.isFile() ? found.size : undefined;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw draftError(error, { task: `look at the draft ${path}`, path });
    }
  }

  /** Drafts whose keys begin with a prefix, in byte order. There are never many: a process fills a few at a time. */
  async list(prefix: string): Promise<ObjectInfo[]> {
    const drafts: ObjectInfo[] = [];
    for (const key of await this.#keys()) {
      if (!key.startsWith(prefix)) continue;
      const sizeBytes = await this.sizeOf(key);
      if (sizeBytes !== undefined) drafts.push({ key, sizeBytes });
    }
    return drafts.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }

  async #keys(): Promise<string[]> {
    try {
      const names = await readdir(this.#folder, { recursive: true });
      return names.map((name) => name.replaceAll('\\', '/')).filter(isDraftKey);
    } catch (error) {
      // Also when a folder vanished while it was read: then nobody is in a hurry to hear of its drafts.
      if (isGone(error)) return [];
      throw draftError(error, { task: `list the drafts in ${this.#folder}`, path: this.#folder });
    }
  }
}

/** The last draft of the same staging may go meanwhile, and the folder with it. */
async function createFile(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, 'wx');
      return await file.close();
    } catch (error) {
      if (!isGone(error) || attempt === MAKE_ATTEMPTS) throw error;
    }
  }
}

function errnoOf(error: unknown): string {
  return Error.isError(error) && 'code' in error ? String(error.code) : '';
}

function isGone(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EACCES: 'PERMISSION',
  EPERM: 'PERMISSION',
  EROFS: 'PERMISSION',
};
const ADVICE: Partial<Record<ErrorCode, string>> = {
  NO_SPACE: 'free some space there and run the command again',
  PERMISSION: 'check the owner and mode of the file and its folders',
};

/** A failed effect on a draft as an `ArtifactError`. */
export function draftError(error: unknown, of: { task: string; path: string }): ArtifactError {
  if (error instanceof ArtifactError) return error;
  const code = CODES[errnoOf(error)] ?? 'IO';
  const problem = Error.isError(error) ? error.message : String(error);
  const advice = ADVICE[code] ?? 'check the disk and its mount, then run the command again';
  return new ArtifactError(code, `cannot ${of.task}: ${problem}; ${advice}`, {
    cause: error,
    details: { operation: of.task, subject: of.path },
  });
}
