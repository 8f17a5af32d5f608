import { ArtifactError, type ErrorCode } from '@waybill/core';

/** Result codes of SQLite; an extended code has its primary one in the low byte. */
const SQLITE = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  AUTH: 23,
  NOTADB: 26,
  IOERR_SHMSIZE: 10 | (19 << 8),
} as const;

const READING: ReadonlyMap<number, readonly [ErrorCode, string]> = new Map([
  [SQLITE.PERM, ['PERMISSION', 'may not be opened by this user; make the file and its folder writable']],
  [SQLITE.BUSY, ['BUSY', 'is locked by another process; try again when that one is done']],
  [SQLITE.LOCKED, ['BUSY', 'is locked by another process; try again when that one is done']],
  [SQLITE.READONLY, ['PERMISSION', 'may not be written by this user; make the file and its folder writable']],
  [SQLITE.IOERR, ['IO', 'could not be read or written; check the disk']],
  [SQLITE.IOERR_SHMSIZE, ['NO_SPACE', 'has no room left on its disk; free some space and try again']],
  [SQLITE.CORRUPT, ['CORRUPT', 'is damaged; restore the file from a backup']],
  [SQLITE.NOTADB, ['CORRUPT', 'is damaged or is no catalog; restore the file from a backup']],
  [SQLITE.FULL, ['NO_SPACE', 'has no room left on its disk; free some space and try again']],
  [SQLITE.CANTOPEN, ['PERMISSION', 'cannot be opened; check the path and who may read and write there']],
  [SQLITE.AUTH, ['PERMISSION', 'may not be opened by this user; make the file and its folder writable']],
]);

/** The extended result code of an error of `node:sqlite`. */
export function sqliteErrorCode(error: unknown): number | undefined {
  if (!Error.isError(error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** Whether another connection's lock is in the way. */
export function isSqliteBusy(error: unknown): boolean {
  const code = sqliteErrorCode(error);
  return code !== undefined && (code & 0xff) === SQLITE.BUSY;
}

export function translateSqliteError(error: unknown, catalog: string): ArtifactError {
  if (error instanceof ArtifactError) return error;
  const reason = Error.isError(error) ? error.message : String(error);
  const details = { subject: catalog };
  const code = sqliteErrorCode(error);
  const [kind, text] =
    (code === undefined ? undefined : (READING.get(code) ?? READING.get(code & 0xff))) ?? [];
  if (kind === undefined || text === undefined) {
    return new ArtifactError('INTERNAL', `${catalog}: ${reason}`, { cause: error, details });
  }
  return new ArtifactError(kind, `${catalog} ${text} (${reason})`, { cause: error, details });
}
