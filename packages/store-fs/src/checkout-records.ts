import { appendFile, mkdir, open, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CheckoutRecords } from '@waybill/core';
import { fileError, hasErrno } from './file-errors.ts';

/** One folder that checkout made. Inode and time of birth tell it from another that has its path now. */
interface CheckoutRecord {
  readonly root: string;
  readonly inode: string;
  readonly bornNs: string;
}

/**
 * Remembers folders in a file of JSON lines. A line is appended in one write and lines that cannot be read are passed
 * over, so any number of processes may use it.
 */
export function createCheckoutRecords(options: { file: string }): CheckoutRecords {
  const { file } = options;
  return {
    has: async (root) => {
      const folder = await identify(root);
      if (folder === undefined) return false;
      return (await readRecords(file)).some((record) => isSame(record, folder));
    },
    add: async (root) => {
      const folder = await identify(root);
      if (folder === undefined || (await readRecords(file)).some((record) => isSame(record, folder))) return;
      await append(file, `\n${JSON.stringify(folder)}\n`);
    },
  };
}

function isSame(a: CheckoutRecord, b: CheckoutRecord): boolean {
  return a.root === b.root && a.inode === b.inode && a.bornNs === b.bornNs;
}

async function identify(root: string): Promise<CheckoutRecord | undefined> {
  try {
    const real = await realpath(root);
    // The device's number may be another after a restart; the inode's is not.
    const { ino, birthtimeNs } = await stat(real, { bigint: true });
    return { root: real, inode: String(ino), bornNs: String(birthtimeNs) };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fileError(error, `look at ${root}`, root);
  }
}

async function readRecords(file: string): Promise<CheckoutRecord[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw fileError(error, `read the record of checkouts ${file}`, file);
  }
  return text.split('\n').flatMap((line) => parseRecord(line) ?? []);
}

function parseRecord(line: string): CheckoutRecord | undefined {
  if (line === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Cut short by a crash: that checkout had not begun.
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is CheckoutRecord {
  if (typeof value !== 'object' || value === null) return false;
  if (!('root' in value && 'inode' in value && 'bornNs' in value)) return false;
  return [value.root, value.inode, value.bornNs].every((field) => typeof field === 'string');
}

/** The line begins with a newline too, so that one cut short before it cannot swallow it. */
async function append(file: string, line: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(file, 'a');
    try {
      await appendFile(handle, line);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(error, `write the record of checkouts ${file}`, file);
  }
}
