import { constants, type Stats } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ArtifactError,
  type IngestSource,
  normalizeEntryPath,
  quotePath,
  type SourceMode,
} from '@waybill/core';
import { hasErrno, sourceError } from './file-errors.ts';
import { foldersOf, identityAt } from './folder-identity.ts';

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//;

/**
 * What one argument of `put` names: a path (stored) or a `file://` URL (recorded as references).
 *
 * @throws ArtifactError `SOURCE_NOT_FOUND`, `SOURCE_UNREADABLE`, `INVALID_ARGUMENT`, `UNSUPPORTED` for other URLs,
 * `INVALID_PATH` for `into`
 */
export async function resolveSource(
  given: string,
  options: { into: string; workingFolder: string; ownFolders: readonly string[] },
): Promise<IngestSource> {
  const { mode, path } = parseArgument(given, options.workingFolder);
  const found = await lookAt(given, path);
  if (!found.isDirectory() && !found.isFile()) {
    throw invalid(given, 'is neither a file nor a folder; name files and folders');
  }
  const kind = found.isDirectory() ? 'directory' : 'file';
  await assertReadable(path, kind);
  const real = await realPath(path, kind);
  assertOutside(given, { folder: kind === 'file' ? dirname(real) : real, ownFolders: options.ownFolders });
  return {
    kind,
    mode,
    given,
    path: real,
    into: /^(?:\.?\/)*\.?$/.test(options.into) ? '' : normalizeEntryPath(options.into),
  };
}

function parseArgument(given: string, workingFolder: string): { mode: SourceMode; path: string } {
  if (given === '') throw invalid(given, 'is empty; name a file or folder');
  if (given.includes('\0')) throw invalid(given, 'contains a NUL character; name a file or folder');
  const scheme = SCHEME.exec(given)?.[1]?.toLowerCase();
  if (scheme === undefined) return { mode: 'store', path: resolve(workingFolder, given) };
  if (scheme === 'file') return { mode: 'reference', path: pathOfFileUrl(given) };
  throw new ArtifactError(
    'UNSUPPORTED',
    `${quotePath(given)} is a URL of a kind that cannot be ingested; use file:// or, for a path that looks so, write ./ before it`,
    { details: { subject: given } },
  );
}

function pathOfFileUrl(given: string): string {
  if (/[?#]/.test(given)) {
    throw invalid(given, 'has a query or fragment; write %3F for "?" and %23 for "#" in a path');
  }
  try {
    const path = fileURLToPath(given);
    if (!path.includes('\0')) return resolve(path);
  } catch (error) {
    throw invalid(given, 'is not a file URL; write file:///absolute/path', error);
  }
  throw invalid(given, 'contains a NUL character; name a file or folder');
}

async function lookAt(given: string, path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new ArtifactError(
        'SOURCE_NOT_FOUND',
        `there is no file or folder ${quotePath(path)}; check the path`,
        { cause: error, details: { subject: path, given } },
      );
    }
    throw unreadable(path, error);
  }
}

async function assertReadable(path: string, kind: IngestSource['kind']): Promise<void> {
  try {
    await access(path, kind === 'file' ? constants.R_OK : constants.R_OK | constants.X_OK);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** A file keeps its own name, whatever it links to; the folders on the way are resolved. */
async function realPath(path: string, kind: IngestSource['kind']): Promise<string> {
  const folder = kind === 'file' ? dirname(path) : path;
  let real: Buffer;
  try {
    real = await realpath(folder, 'buffer');
  } catch (error) {
    throw unreadable(path, error);
  }
  const text = real.toString('utf8');
  if (!Buffer.from(text).equals(real)) {
    throw invalid(path, 'lies in a folder whose name is not valid UTF-8; rename that folder');
  }
  return kind === 'file' ? join(text, basename(path)) : text;
}

/** What Waybill writes while it reads would never come to an end, and is its own business besides. */
function assertOutside(given: string, where: { folder: string; ownFolders: readonly string[] }): void {
  const above = new Set([...foldersOf(where.folder)].map(identityAt));
  const own = where.ownFolders.find((folder) => above.has(identityAt(folder)) && identityAt(folder) !== '');
  if (own === undefined) return;
  throw invalid(
    given,
    `lies in ${quotePath(own)}, where Waybill keeps its catalog or its store; name something outside of it, or set WAYBILL_HOME or WAYBILL_STORE to another folder`,
  );
}

function unreadable(path: string, error: unknown): ArtifactError {
  const translated = sourceError(error, path);
  if (translated.code === 'SOURCE_UNREADABLE') return translated;
  return new ArtifactError('SOURCE_UNREADABLE', translated.message, {
    cause: error,
    details: translated.details,
  });
}

function invalid(given: string, problem: string, cause?: unknown): ArtifactError {
  return new ArtifactError('INVALID_ARGUMENT', `${quotePath(given)} ${problem}`, {
    cause,
    details: { subject: given },
  });
}
