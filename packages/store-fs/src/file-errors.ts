import { ArtifactError, type ErrorCode, quotePath } from '@waybill/core';

/** The system's name of an error (`ENOENT`), `undefined` for anything that is no system error. */
export function errnoOf(error: unknown): string | undefined {
  if (!Error.isError(error) || error instanceof ArtifactError || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function hasErrno(error: unknown, ...names: readonly string[]): boolean {
  const errno = errnoOf(error);
  return errno !== undefined && names.includes(errno);
}

interface Explanation {
  readonly code: ErrorCode;
  readonly problem: string;
  readonly advice: string;
}

const NO_SPACE: Explanation = {
  code: 'NO_SPACE',
  problem: 'no space is left',
  advice: 'free some space there and run the command again',
};
const PERMISSION: Explanation = {
  code: 'PERMISSION',
  problem: 'permission denied',
  advice: 'check the owner and mode of the file and its folders',
};

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: NO_SPACE,
  EDQUOT: { ...NO_SPACE, problem: 'the disk quota is used up' },
  EFBIG: { ...NO_SPACE, problem: 'the file is larger than the file system allows' },
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: { ...PERMISSION, problem: 'the file system is read-only', advice: 'mount it writable' },
  ENAMETOOLONG: {
    code: 'INVALID_PATH',
    problem: 'the path is too long for the system',
    advice: 'use a folder nearer to the top, or shorter names',
  },
  EMFILE: {
    code: 'IO',
    problem: 'too many files are open',
    advice: 'raise the limit (ulimit -n) and run the command again',
  },
};

/** What a system error means and what to do about it; `IO` for all that need a look at the device. */
function explain(error: unknown): Explanation {
  const known = EXPLANATIONS[errnoOf(error) ?? ''];
  if (known !== undefined) return known;
  return {
    code: 'IO',
    problem: errnoOf(error) ?? (Error.isError(error) ? error.message : String(error)),
    advice: 'check the disk and its mount, then run the command again',
  };
}

/**
 * A failed effect on a local file as an `ArtifactError`: `NO_SPACE`, `PERMISSION` or `IO`. An `ArtifactError` is
 * passed through.
 *
 * @param task what failed, as it goes behind "cannot": `write object x in folder /y`
 */
export function fileError(error: unknown, task: string, subject: string): ArtifactError {
  if (error instanceof ArtifactError) return error;
  const { code, problem, advice } = explain(error);
  return new ArtifactError(code, `cannot ${task}: ${problem}; ${advice}`, {
    cause: error,
    details: { operation: task, subject },
  });
}

/** The same for a file of a source: `SOURCE_UNREADABLE`, or `SOURCE_CHANGED` when it is gone. */
export function sourceError(error: unknown, path: string): ArtifactError {
  if (error instanceof ArtifactError) return error;
  const details = { operation: 'read', subject: path };
  if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ESTALE', 'ENXIO')) {
    return new ArtifactError(
      'SOURCE_CHANGED',
      `${quotePath(path)} vanished or became something else while it was read; leave the source alone and run the command again`,
      { cause: error, details },
    );
  }
  const { problem, advice } = explain(error);
  return new ArtifactError('SOURCE_UNREADABLE', `cannot read ${quotePath(path)}: ${problem}; ${advice}`, {
    cause: error,
    details,
  });
}
