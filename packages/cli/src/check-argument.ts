import { resolve } from 'node:path';
import { ArtifactError, normalizeEntryPath } from '@waybill/core';

/**
 * Checks what was given for an option or argument. What the check refuses is wrong usage, and the message says where it
 * was given: the same path is a failure when it comes from a file system, and a mistake when somebody typed it.
 */
export function checkArgument<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw wrongArgument(name, error);
  }
}

/** An entry path that was typed. */
export function parseEntryPath(name: string, path: string): string {
  return checkArgument(name, () => normalizeEntryPath(path));
}

/** A folder of a version that was typed; empty for the top, which is also `.` and `/`. */
export function parseFolder(name: string, path: string): string {
  return path.split('/').every((part) => part === '' || part === '.') ? '' : parseEntryPath(name, path);
}

/**
 * A local file or folder that was typed, absolute. An empty one is refused: it comes of a shell variable that is not set,
 * and would mean the current folder, which `checkout --force` would clear.
 */
export function parseLocalPath(
  name: string,
  { path, workingFolder }: { readonly path: string; readonly workingFolder: string },
): string {
  if (path !== '') return resolve(workingFolder, path);
  throw new ArtifactError('INVALID_ARGUMENT', `${name} is empty; name a path, or . for the current folder`, {
    details: { argument: name },
  });
}

function wrongArgument(name: string, error: unknown): unknown {
  if (!(error instanceof ArtifactError)) return error;
  if (error.outcome !== 'usage' && error.code !== 'INVALID_PATH') return error;
  const code = error.code === 'INVALID_PATH' ? 'INVALID_ARGUMENT' : error.code;
  const details = { ...error.details, argument: name };
  return new ArtifactError(code, `${name}: ${error.message}`, { cause: error, details });
}
