import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import { DatabaseSync } from 'node:sqlite';

/** Version of the file's layout. */
const CACHE_FORMAT = 1;
const BUSY_TIMEOUT_MS = 2_000;
/** Pages written before they are moved from the log into the file, which waits for the disk: rarely, in large pieces. */
const CHECKPOINT_PAGES = 10_000;

/** SQLite's codes for a file that is damaged or none of its own. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`;

/**
 * Opens the cache's file for writing; one that is damaged, of another layout or of another catalog is thrown away,
 * which `warn` is told. Throws SQLite's errors when there can be no cache at all.
 */
export function openCacheFile(options: {
  path: string;
  catalogId: string;
  warn: (message: string) => void;
}): DatabaseSync {
  const { path, catalogId, warn } = options;
  mkdirSync(dirname(path), { recursive: true });
  try {
    const connection = openAndPrepare(path, catalogId);
    if (connection !== undefined) return connection;
    warn(`the stat cache ${path} belongs to another catalog or version and is begun anew`);
  } catch (error) {
    if (!isDamaged(error)) throw error;
    warn(`the stat cache ${path} is damaged and is begun anew`);
  }
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
  const connection = openAndPrepare(path, catalogId);
  if (connection === undefined) throw new Error('another process is using it for another catalog');
  return connection;
}

/** Whether an error says that the file is not what it should be. */
export function isDamaged(error: unknown): boolean {
  if (!Error.isError(error) || !('errcode' in error) || typeof error.errcode !== 'number') return false;
  // The low byte is the kind, the rest says more.
  const kind = error.errcode & 0xff;
  return kind === SQLITE_CORRUPT || kind === SQLITE_NOTADB;
}

/** `undefined` when the file is sound, but somebody else's. */
function openAndPrepare(path: string, catalogId: string): DatabaseSync | undefined {
  const connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    // With NORMAL a power loss costs the newest rows and nothing else.
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = ON');
    connection.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    connection.exec('BEGIN IMMEDIATE');
    connection.exec(SCHEMA);
    const owner = readMeta(connection, 'owner') ?? claim(connection, catalogId);
    connection.exec('COMMIT');
    if (owner === ownerOf(catalogId)) return connection;
  } catch (error) {
    connection.close();
    // A table of that name with other columns.
    if (Error.isError(error) && /no such column|has no column/.test(error.message)) return undefined;
    throw error;
  }
  connection.close();
  return undefined;
}

function claim(connection: DatabaseSync, catalogId: string): string {
  const owner = ownerOf(catalogId);
  writeMeta(connection, 'owner', owner);
  return owner;
}

function ownerOf(catalogId: string): string {
  return `${CACHE_FORMAT} ${catalogId}`;
}

export function readMeta(connection: DatabaseSync, key: string): string | undefined {
  const value = connection.prepare('SELECT value FROM meta WHERE key = ?').get(key)?.['value'];
  return typeof value === 'string' ? value : undefined;
}

export function writeMeta(connection: DatabaseSync, key: string, value: string): void {
  connection.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, value);
}
