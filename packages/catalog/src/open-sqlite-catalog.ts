import { accessSync, constants, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { ArtifactError, type Clock, type FaultPoints } from '@waybill/core';
import { Kysely } from 'kysely';
import { CatalogSession } from './catalog-session.ts';
import { ensureSchema } from './ensure-schema.ts';
import { assertLocalFileSystem } from './local-file-system.ts';
import { BUSY_TIMEOUT_MS, NodeSqliteDialect } from './node-sqlite-driver.ts';
import { type SqlCatalog, sqlCatalog } from './sql-catalog.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { isSqliteBusy } from './sqlite-errors.ts';
import type { Tables } from './tables.ts';

export interface SqliteCatalogOptions {
  /** The database file; it and its folder are made when they are missing. */
  readonly path: string;
  readonly clock: Clock;
  readonly faults?: FaultPoints;
}

const WAL_RETRY_MS = 20;
const CACHE_KIB = 16_384;

/**
 * Opens the catalog in a file, for as many processes at once as want to. Statements run on the calling thread; each
 * is kept small.
 *
 * @throws ArtifactError `UNSUPPORTED` on a network file system or for another program's database, `PERMISSION`,
 * `TOO_NEW`, `CORRUPT` naming the file, `NO_SPACE`, `BUSY`, `IO`
 */
export async function openSqliteCatalog({ path, clock, faults }: SqliteCatalogOptions): Promise<SqlCatalog> {
  const file = prepareFile(path);
  const description = `catalog ${file}`;
  const database = await openDatabase(file, description);
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(database) });
  const session = new CatalogSession({ db, dialect: sqliteDialect, clock, faults, description });
  try {
    return sqlCatalog(session, { catalogId: await ensureSchema(session) });
  } catch (error) {
    if (database.isOpen) database.close();
    throw error;
  }
}

/** The file's real path, after what SQLite would report in words nobody understands was asked first. */
function prepareFile(path: string): string {
  const folder = dirname(resolve(path));
  try {
    mkdirSync(folder, { recursive: true });
    const realFolder = realpathSync(folder);
    const file = join(realFolder, basename(path));
    // SQLite puts two more files beside it, even to read.
    accessSync(realFolder, constants.R_OK | constants.W_OK | constants.X_OK);
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK);
    assertLocalFileSystem(realFolder);
    return file;
  } catch (cause) {
    throw refusal(folder, cause);
  }
}

function refusal(folder: string, cause: unknown): ArtifactError {
  if (cause instanceof ArtifactError) return cause;
  const code = Error.isError(cause) && 'code' in cause ? cause.code : undefined;
  const details = { subject: folder };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const text = `no room left on the disk of ${folder}; free some space and try again`;
    return new ArtifactError('NO_SPACE', text, { cause, details });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const text = `the catalog in ${folder} cannot be written by this user; make it and its folder writable, or choose another WAYBILL_HOME`;
    return new ArtifactError('PERMISSION', text, { cause, details });
  }
  const reason = Error.isError(cause) ? cause.message : String(cause);
  return new ArtifactError('IO', `cannot open the catalog in ${folder}: ${reason}`, { cause, details });
}

async function openDatabase(file: string, description: string): Promise<DatabaseSync> {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0, enableForeignKeyConstraints: true });
    await enterWal(database, description);
    database.exec(`
      pragma busy_timeout = ${BUSY_TIMEOUT_MS};
      pragma synchronous = full;
      pragma cache_size = -${CACHE_KIB};
      pragma temp_store = memory;
      pragma cell_size_check = on;
      pragma trusted_schema = off;
    `);
    return database;
  } catch (error) {
    if (database?.isOpen === true) database.close();
    throw sqliteDialect.translate(error, description);
  }
}

/** A new file is switched by the first who comes; the others wait here, without blocking the thread. */
export async function enterWal(database: DatabaseSync, description: string): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += WAL_RETRY_MS) {
    try {
      const mode = database.prepare('pragma journal_mode = wal').get()?.['journal_mode'];
      if (mode === 'wal') return;
      // SQLite answers the mode in force, and does not fail, where it cannot share memory between processes.
      throw new ArtifactError(
        'UNSUPPORTED',
        `${description} cannot use a write-ahead log here (SQLite stays in mode "${String(mode)}"); put WAYBILL_HOME on a local file system`,
      );
    } catch (error) {
      if (!isSqliteBusy(error) || waitedMs >= BUSY_TIMEOUT_MS) throw error;
    }
    await delay(WAL_RETRY_MS);
  }
}
