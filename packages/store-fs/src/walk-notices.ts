import { type NewNotice, quotePath } from '@waybill/core';
import { errnoOf, sourceError } from './file-errors.ts';

/** Why a name is not in what a walk yields though no rule says so. */
const LEFT_OUT = {
  'broken-link': 'points to nothing',
  'link-to-ancestor': 'points to a folder that it lies in itself',
  'folder-link': 'points to a folder, and links to folders are not followed',
  socket: 'is a socket',
  fifo: 'is a named pipe',
  device: 'is a device',
  special: 'is neither a file nor a folder',
  'own-store': "is a folder of Waybill's own, its home or its store",
} as const;

export type LeftOutReason = keyof typeof LEFT_OUT;

/** @param path absolute */
export function leftOut(path: string, reason: LeftOutReason): NewNotice {
  const message = `${quotePath(path)} is left out: it ${LEFT_OUT[reason]}`;
  return { severity: 'left-out', reason, path, message };
}

/** A name that cannot be in a version; `problem` goes behind it: `is longer than 8192 bytes`. */
export function unusableName(path: string, reason: string, problem: string): NewNotice {
  const message = `${quotePath(path)} cannot be ingested: it ${problem}; rename it or exclude its folder`;
  return { severity: 'failed', reason, path, message };
}

/** A name that is not UTF-8; `escaped` as {@link doubtfulNames} gives it. */
export function invalidUtf8(folder: string, escaped: string): NewNotice {
  const path = `${folder}/${escaped}`;
  const shown = `${quotePath(folder).slice(0, -1)}/${escaped}"`;
  const message = `${shown} cannot be ingested: its name is not valid UTF-8; rename it or exclude its folder`;
  return { severity: 'failed', reason: 'invalid-utf8', path, message };
}

/** A folder, a link or an ignore file that could not be read. */
export function unreadable(path: string, error: unknown): NewNotice {
  const errno = errnoOf(error);
  const reason =
    errno === 'ENOENT' || errno === 'ENOTDIR'
      ? 'vanished'
      : errno === 'ENAMETOOLONG'
        ? 'path-too-long'
        : 'unreadable';
  return { severity: 'failed', reason, path, message: sourceError(error, path).message };
}
