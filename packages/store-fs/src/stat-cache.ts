import { statSync } from 'node:fs';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type CallOptions, type StatCache, throwIfCancelled } from '@waybill/core';
import { nextTurn } from './next-turn.ts';
import { isDamaged, openCacheFile, readMeta, writeMeta } from './stat-cache-file.ts';
import { decodeCacheRows, type EncodedCacheRow, encodeIngest, ingestOfState } from './stat-cache-rows.ts';

/** Rows of one INSERT, and of one transaction: 10 ms or so. */
const ROWS_PER_STATEMENT = 100;
const ROWS_PER_TRANSACTION = 5_000;
/** A file larger than this forgets what no ingest has recorded again for a while. */
const TRIM_ABOVE_BYTES = 1_073_741_824;
/** Ingests after which a row is forgotten then. */
const TRIM_INGESTS = 50;
/** Rows looked at in one transaction of a trim. */
const TRIM_ROWS = 20_000;

export interface StatCacheOptions {
  /** SQLite file, on a local file system. */
  readonly path: string;
  /** Rows of one catalog's ingests prove nothing in another. */
  readonly catalogId: string;
  /** Told, once, that the file was thrown away or cannot be used. */
  readonly warn?: (message: string) => void;
  /** For tests. */
  readonly trimAboveBytes?: number;
}

/** Opens the stat cache for writing. Never fails: it forgets instead. */
export async function openStatCache(options: StatCacheOptions): Promise<StatCache> {
  let hasWarned = false;
  const warn = (message: string): void => {
    if (!hasWarned) options.warn?.(message);
    hasWarned = true;
  };
  let connection: DatabaseSync | undefined;
  try {
    connection = openCacheFile({ ...options, warn });
    const { size } = statSync(options.path);
    if (size > (options.trimAboveBytes ?? TRIM_ABOVE_BYTES)) await trim(connection);
  } catch (error) {
    connection?.close();
    connection = undefined;
    warn(
      `the stat cache ${options.path} cannot be used (${messageOf(error)}); unchanged files are hashed again`,
    );
  }
  return new FileStatCache({ path: options.path, connection, warn });
}

class FileStatCache implements StatCache {
  readonly #path: string;
  readonly #warn: (message: string) => void;
  #connection: DatabaseSync | undefined;
  #insert: { many: StatementSync; one: StatementSync } | undefined;

  constructor(cache: {
    path: string;
    connection: DatabaseSync | undefined;
    warn: (message: string) => void;
  }) {
    this.#path = cache.path;
    this.#connection = cache.connection;
    this.#warn = cache.warn;
  }

  async keep(rows: readonly Uint8Array[], options: CallOptions = {}): Promise<void> {
    throwIfCancelled(options.signal);
    let group: EncodedCacheRow[] = [];
    for (const bytes of rows) {
      for (const row of decodeCacheRows(bytes)) {
        if (group.push(row) < ROWS_PER_TRANSACTION) continue;
        this.#write(group);
        group = [];
        await nextTurn();
      }
    }
    if (group.length > 0) this.#write(group);
  }

  async settle(): Promise<void> {
    // Rows are written as they are kept.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#checkpoint();
    this.#close();
  }

  /** Moves what was written from the log into the file now, instead of when the last connection closes. */
  #checkpoint(): void {
    if (this.#insert === undefined) return;
    try {
      this.#connection?.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } catch {
      // It stays in the log, where the next one finds it.
    }
  }

  #write(rows: readonly EncodedCacheRow[]): void {
    if (this.#connection === undefined) return;
    try {
      this.#insertAll(this.#connection, rows);
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
      // Another process is writing for long: these rows are hashed again some time.
      if (isBusy(error)) return;
      this.#warn(
        `the stat cache ${this.#path} cannot be written (${messageOf(error)}); ${isDamaged(error) ? 'remove it' : 'check its disk'}`,
      );
      this.#close();
    }
  }

  #insertAll(connection: DatabaseSync, rows: readonly EncodedCacheRow[]): void {
    this.#insert ??= {
      many: prepareInsert(connection, ROWS_PER_STATEMENT),
      one: prepareInsert(connection, 1),
    };
    connection.exec('BEGIN IMMEDIATE');
    let at = 0;
    for (; at + ROWS_PER_STATEMENT <= rows.length; at += ROWS_PER_STATEMENT) {
      this.#insert.many.run(...parametersOf(rows.slice(at, at + ROWS_PER_STATEMENT)));
    }
    for (; at < rows.length; at++) this.#insert.one.run(...parametersOf(rows.slice(at, at + 1)));
    recordNewest(connection, rows);
    connection.exec('COMMIT');
  }

  #close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#insert = undefined;
  }
}

/** Paths are bound as bytes, which spares decoding and encoding them. */
function prepareInsert(connection: DatabaseSync, rows: number): StatementSync {
  const values = Array.from({ length: rows }, () => '(CAST(? AS TEXT), ?)').join(', ');
  return connection.prepare(`INSERT OR REPLACE INTO files (path, state) VALUES ${values}`);
}

function parametersOf(rows: readonly EncodedCacheRow[]): Uint8Array[] {
  return rows.flatMap(({ path, state }) => [path, state]);
}

/** The newest ingest heard of, so that the age of rows can be told. */
function recordNewest(connection: DatabaseSync, rows: readonly EncodedCacheRow[]): void {
  const newest = rows.reduce((most, { state }) => Math.max(most, ingestOfState(state, 0)), 0);
  if (newest > Number(readMeta(connection, 'newest') ?? 0)) writeMeta(connection, 'newest', String(newest));
}

/**
 * Forgets rows that no ingest has recorded for a while: files that are gone, mostly. A file that is still there is
 * hashed once more and recorded anew. At most once in so many ingests.
 */
async function trim(connection: DatabaseSync): Promise<void> {
  const newest = Number(readMeta(connection, 'newest') ?? 0);
  if (newest < Number(readMeta(connection, 'trimmed') ?? 0) + TRIM_INGESTS) return;
  const oldest = encodeIngest(newest - TRIM_INGESTS + 1);
  const next = connection.prepare('SELECT path FROM files WHERE path > ? ORDER BY path LIMIT 1 OFFSET ?');
  const remove = connection.prepare(
    'DELETE FROM files WHERE path > ? AND path <= ? AND substr(state, 34, 6) < ?',
  );
  for (let after = ''; ; ) {
    const row = next.get(after, TRIM_ROWS - 1) ?? { path: '\u{10ffff}' };
    const path = String(row['path']);
    remove.run(after, path, oldest);
    if (path === '\u{10ffff}') break;
    after = path;
    await nextTurn();
  }
  writeMeta(connection, 'trimmed', String(newest));
}

function isBusy(error: unknown): boolean {
  const SQLITE_BUSY = 5;
  return Error.isError(error) && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function messageOf(error: unknown): string {
  return Error.isError(error) ? error.message : String(error);
}
