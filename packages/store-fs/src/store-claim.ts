import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { ArtifactError } from '@waybill/core';
import type { Disk } from './disk.ts';
import { hasErrno } from './file-errors.ts';
import { moveIntoPlace } from './move-into-place.ts';

/** Name of the file at the top of a store that says whose it is. */
export const STORE_FILE = 'waybill-store.json';
/** Version of the store's layout. */
const STORE_FORMAT = 1;
const READ_ATTEMPTS = 20;
const READ_AGAIN_MS = 25;

interface StoreFile {
  readonly format: number;
  readonly catalogId: string;
}

/**
 * The catalog a store is bound to, `undefined` when it is bound to none yet.
 *
 * @throws ArtifactError `TOO_NEW` for a layout of a newer version; `CORRUPT` for a file that says nothing
 */
export async function readStoreFile(folder: string): Promise<string | undefined> {
  const path = `${folder}/${STORE_FILE}`;
  const text = await readWhenWritten(path);
  if (text === undefined) return undefined;
  const content = parse(text);
  if (content === undefined) {
    throw new ArtifactError(
      'CORRUPT',
      `${path} does not say which catalog the store belongs to; restore it, or remove it if only one catalog uses the store`,
      { details: { subject: path } },
    );
  }
  if (content.format > STORE_FORMAT) {
    throw new ArtifactError(
      'TOO_NEW',
      `the store in ${folder} has format ${content.format}, this waybill knows ${STORE_FORMAT}; use a newer waybill`,
      { details: { subject: folder } },
    );
  }
  return content.catalogId;
}

/** Where there are no hard links, somebody who is binding the store leaves the file empty for a moment. */
async function readWhenWritten(path: string): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      const text = await readFile(path, 'utf8');
      if (text !== '' || attempt === READ_ATTEMPTS) return text;
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
    await setTimeout(READ_AGAIN_MS);
  }
}

function parse(text: string): StoreFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('format' in value)) return undefined;
  const { format } = value;
  if (typeof format !== 'number' || !Number.isInteger(format)) return undefined;
  // A newer format may hold anything else.
  if (format > STORE_FORMAT) return { format, catalogId: '' };
  if (!('catalogId' in value) || typeof value.catalogId !== 'string') return undefined;
  return { format, catalogId: value.catalogId };
}

/** Binds a store; the file appears whole or not at all. Somebody else may have been faster: read it afterwards. */
export async function writeStoreFile(
  disk: Disk,
  claim: { folder: string; catalogId: string; unique: string },
): Promise<void> {
  const path = `${claim.folder}/${STORE_FILE}`;
  const draft = `${path}.${claim.unique}`;
  const content: StoreFile = { format: STORE_FORMAT, catalogId: claim.catalogId };
  const file = await disk.createFile(draft);
  try {
    await file.write(new TextEncoder().encode(`${JSON.stringify(content)}\n`));
    await file.sync();
  } finally {
    await file.close();
  }
  if (!(await moveIntoPlace(disk, draft, path))) await disk.unlink(draft);
  await disk.syncFolder(claim.folder);
}
