import { ArtifactError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { utf8Length } from './utf8-order.ts';

const WINDOWS_ANCHOR = /^(?:[A-Za-z]:|\\\\|\/\/)/;

/**
 * Normalises a path that a person or an API caller gave for an entry: `./a` and `a/` become `a`, `a//b` becomes
 * `a/b`. Everything else is kept exactly. Throws `INVALID_PATH` for what {@link assertEntryPath} refuses.
 */
export function normalizeEntryPath(path: string): string {
  if (path.startsWith('/')) refuse(path, 'is absolute');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const normalized = parts.join('/');
  assertEntryPath(normalized);
  return normalized;
}

/**
 * Refuses an entry path that could lead outside a download root, read as a POSIX or as a Windows path, and what
 * no file system can hold. Newlines, backslashes, trailing dots and the like are kept: they are real file names.
 *
 * @throws ArtifactError `INVALID_PATH`
 */
export function assertEntryPath(path: string): void {
  const reason = entryPathProblem(path);
  if (reason !== undefined) refuse(path, reason);
}

/** Why a string cannot be an entry path, or `undefined` when it can. */
export function entryPathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.includes('\0')) return 'contains a NUL character';
  if (!path.isWellFormed()) return 'is not valid Unicode';
  if (path.length * 3 > LIMITS.pathBytes && utf8Length(path) > LIMITS.pathBytes) {
    return `is longer than ${LIMITS.pathBytes} bytes`;
  }
  if (path.startsWith('/')) return 'is absolute';
  if (WINDOWS_ANCHOR.test(path) || path.startsWith('\\')) return 'is absolute when read as a Windows path';
  return partsProblem(path);
}

function partsProblem(path: string): string | undefined {
  // Most paths have neither; the scan for parts is for the few that might.
  if (!path.includes('.') && !path.includes('//') && !path.endsWith('/')) return undefined;
  for (const part of path.split('/')) {
    if (part === '') return 'has an empty part';
    if (part === '.') return 'has the part "."';
    if (part === '..') return 'climbs with ".."';
    if (part.includes('\\') && part.split('\\').includes('..')) {
      return 'climbs with ".." when read as a Windows path';
    }
  }
  return undefined;
}

function refuse(path: string, reason: string): never {
  throw new ArtifactError('INVALID_PATH', `entry path ${quotePath(path)} ${reason}; choose a relative path`, {
    details: { subject: path, reason },
  });
}

/** Quotes a path for a message: control characters escaped, so that a terminal is never written to by a file name. */
export function quotePath(path: string): string {
  return JSON.stringify(path).replaceAll(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
