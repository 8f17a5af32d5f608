import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import { DatabaseSync } from 'node:sqlite';
import { ArtifactError, type IngestLocks } from '@waybill/core';
import { assertLocalFileSystem } from './local-file-system.ts';
import { isSqliteBusy, translateSqliteError } from './sqlite-errors.ts';

/** How long the guard is waited for; it is held for a few file operations. */
const GUARD_TIMEOUT_MS = 10_000;
const INGEST_ID = /^[a-z0-9]+$/;
const GUARD = 'guard';

/** Held locks: an object nobody refers to would be collected, and its lock be free. */
const held = new Set<DatabaseSync>();

/**
 * Locks as files of a folder that the system frees when their process dies in any way: SQLite's exclusive lock, which
 * no other connection gets, not even one of the same process. Nothing is ever written into the files.
 *
 * A lock's file is opened, and removed by its holder, only under the lock of a file that is never removed. So nobody
 * ever waits with a file that is about to go, and two holders of two files of one name cannot be.
 *
 * @throws ArtifactError from `acquire`: `UNSUPPORTED` on a network file system, `PERMISSION`, `NO_SPACE`, `IO`
 */
export function createIngestLocks({ folder }: { folder: string }): IngestLocks {
  return {
    acquire: async (ingestId) => {
      if (!INGEST_ID.test(ingestId)) {
        throw new ArtifactError('INVALID_ARGUMENT', `"${ingestId}" is not the id of an ingest`);
      }
      return acquire({ folder: prepareFolder(folder), ingestId });
    },
  };
}

function prepareFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true });
    const real = realpathSync(folder);
    assertLocalFileSystem(real);
    return real;
  } catch (cause) {
    if (cause instanceof ArtifactError) throw cause;
    const reason = Error.isError(cause) ? cause.message : String(cause);
    throw new ArtifactError('PERMISSION', `cannot use the folder ${folder} for locks: ${reason}`, {
      cause,
      details: { subject: folder },
    });
  }
}

function acquire(lock: { folder: string; ingestId: string }): AsyncDisposable | undefined {
  const path = join(lock.folder, `${lock.ingestId}.lock`);
  const database = underGuard(lock.folder, () => lockFile(path, { timeoutMs: 0 }));
  if (database === undefined) return undefined;
  held.add(database);
  return {
    [Symbol.asyncDispose]: async () => {
      if (!held.delete(database)) return;
      try {
        underGuard(lock.folder, () => {
          rmSync(path, { force: true });
          database.close();
        });
      } catch {
        // The file stays behind, say on a full disk: one that nobody has locked is as good as none.
        if (database.isOpen) database.close();
      }
    },
  };
}

function underGuard<T>(folder: string, action: () => T): T {
  const path = join(folder, GUARD);
  const guard = lockFile(path, { timeoutMs: GUARD_TIMEOUT_MS });
  if (guard === undefined) {
    throw new ArtifactError('BUSY', `the lock ${path} is not given back; see which process holds it`, {
      details: { subject: path },
    });
  }
  try {
    return action();
  } finally {
    guard.close();
  }
}

/** The open, locked file, or `undefined` when somebody else has its lock. */
function lockFile(path: string, { timeoutMs }: { timeoutMs: number }): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: timeoutMs });
    database.exec('begin exclusive');
    return database;
  } catch (error) {
    database?.close();
    if (isSqliteBusy(error)) return undefined;
    throw translateSqliteError(error, `lock ${path}`);
  }
}
