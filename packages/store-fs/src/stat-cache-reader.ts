import { existsSync } from 'node:fs';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import {
  type CachedDigest,
  compareUtf8,
  type DigestAlgorithm,
  type StatCacheRange,
  type StatCacheReader,
} from '@waybill/core';
import {
  digestOfState,
  encodeCacheRows,
  ingestOfState,
  matchesState,
  STATE_BYTES,
} from './stat-cache-rows.ts';

/** Rows fetched at once, joined into one row of SQL: several times faster than a row of SQL each. */
const ROWS_AT_ONCE = 1_000;
const BUSY_TIMEOUT_MS = 1_000;

const SELECT_BLOCK = `
  SELECT group_concat(path, char(0)), CAST(group_concat(CAST(state AS TEXT), '') AS BLOB)
  FROM (SELECT path, state FROM files WHERE path >= ? AND path <= ? ORDER BY path LIMIT ${ROWS_AT_ONCE})`;

/** Rows in byte order of paths; the states lie one behind the other. */
interface Block {
  readonly paths: readonly string[];
  readonly states: Uint8Array;
}

const NO_ROWS: Block = { paths: [], states: new Uint8Array(0) };

/**
 * The stat cache as threads read it, each over a connection of its own. A cache that is absent or cannot be read
 * remembers nothing: no call throws.
 */
export function createStatCacheReader(options: { path: string }): StatCacheReader & Disposable {
  return new FileStatCacheReader(options.path);
}

class FileStatCacheReader implements StatCacheReader, Disposable {
  readonly #path: string;
  #connection: DatabaseSync | undefined;
  #select: StatementSync | undefined;
  #isBroken = false;

  constructor(path: string) {
    this.#path = path;
  }

  openRange(range: { firstPath: string; lastPath: string; algorithm: DigestAlgorithm }): StatCacheRange {
    return new BlockRange(range, (first, last) => this.#fetch(first, last));
  }

  encodeRows = encodeCacheRows;

  [Symbol.dispose](): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#select = undefined;
    this.#isBroken = true;
  }

  #fetch(first: string, last: string): Block {
    try {
      const select = this.#prepared();
      const row: unknown = select?.get(first, last);
      return row === undefined ? NO_ROWS : parseBlock(row);
    } catch {
      // Another process threw the file away, or it is damaged: whatever it is, files are hashed then.
      this[Symbol.dispose]();
      return NO_ROWS;
    }
  }

  #prepared(): StatementSync | undefined {
    if (this.#select !== undefined) return this.#select;
    if (this.#isBroken || !existsSync(this.#path)) return undefined;
    this.#connection = new DatabaseSync(this.#path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    this.#select = this.#connection.prepare(SELECT_BLOCK);
    this.#select.setReturnArrays(true);
    return this.#select;
  }
}

function parseBlock(row: unknown): Block {
  if (!isArray(row)) return NO_ROWS;
  const [joined, states] = row;
  if (typeof joined !== 'string' || !(states instanceof Uint8Array)) return NO_ROWS;
  const paths = joined.split('\0');
  return states.length === paths.length * STATE_BYTES ? { paths, states } : NO_ROWS;
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Walks the rows of a range beside the paths asked for, both ascending. */
class BlockRange implements StatCacheRange {
  readonly #range: { firstPath: string; lastPath: string; algorithm: DigestAlgorithm };
  readonly #fetch: (first: string, last: string) => Block;
  #block: Block = NO_ROWS;
  #next = 0;
  /** Whether the block reaches to the end of the range. */
  #isLast = false;

  constructor(
    range: { firstPath: string; lastPath: string; algorithm: DigestAlgorithm },
    fetch: (first: string, last: string) => Block,
  ) {
    this.#range = range;
    this.#fetch = fetch;
  }

  get isEmpty(): boolean {
    if (this.#block.paths.length === 0 && !this.#isLast) this.#fill(this.#range.firstPath);
    return this.#block.paths.length === 0;
  }

  find(path: string, signature: Uint8Array): CachedDigest | undefined {
    const row = this.#take(path);
    if (row === undefined) return undefined;
    const at = row * STATE_BYTES;
    const { states } = this.#block;
    if (!matchesState(states, at, { signature, algorithm: this.#range.algorithm })) return undefined;
    return { digest: digestOfState(states, at), ingest: ingestOfState(states, at) };
  }

  /** Index of a path's row; the next one asked for lies behind it. */
  #take(path: string): number | undefined {
    // The usual case: every file is remembered.
    if (this.#block.paths[this.#next] === path) return this.#next++;
    const last = this.#block.paths.at(-1);
    // Fetched from the path on, so that rows between the last one and it are never read.
    if (!this.#isLast && (last === undefined || compareUtf8(last, path) < 0)) this.#fill(path);
    const { paths } = this.#block;
    for (let row = paths[this.#next]; row !== undefined; row = paths[this.#next]) {
      if (row === path) return this.#next++;
      if (compareUtf8(row, path) > 0) return undefined;
      this.#next++;
    }
    return undefined;
  }

  #fill(from: string): void {
    this.#block = this.#fetch(from, this.#range.lastPath);
    this.#isLast = this.#block.paths.length < ROWS_AT_ONCE;
    this.#next = 0;
  }

  [Symbol.dispose](): void {
    this.#block = NO_ROWS;
    this.#isLast = true;
  }
}
