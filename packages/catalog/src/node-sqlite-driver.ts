// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type SqliteStatement,
} from 'kysely';
import { isSqliteBusy } from './sqlite-errors.ts';

/** How long a transaction waits for another one. They take less than 100 ms. */
export const BUSY_TIMEOUT_MS = 10_000;
const BEGIN_PAUSE_MAX_MS = 20;
/** Statements kept prepared; the catalog has fewer distinct ones. */
const STATEMENTS_MAX = 256;

/** Kysely over one connection of `node:sqlite`. Kysely lets one query or transaction at a time use it. */
export class NodeSqliteDialect implements Dialect {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  createDriver(): Driver {
    return new NodeSqliteDriver(this.#database);
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new SqliteAdapter();
  }

  // biome-ignore lint/suspicious/noExplicitAny: the type is Kysely's own.
  createIntrospector(db: Kysely<any>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }
}

class NodeSqliteDriver extends SqliteDriver {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    const statements = new StatementCache(database);
    super({
      database: { prepare: (text) => statements.prepare(text), close: () => database.close() },
    });
    this.#database = database;
  }

  /**
   * Immediate: a transaction that begins with a read and then writes would fail at once when another process wrote
   * in between; this one waits for the lock and then has it to the end. It waits without blocking the thread: the
   * other one may be a connection of this very process.
   */
  override async beginTransaction(): Promise<void> {
    const startedAt = performance.now();
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, BEGIN_PAUSE_MAX_MS)) {
      try {
        this.#begin();
        return;
      } catch (error) {
        if (!isSqliteBusy(error) || performance.now() - startedAt > BUSY_TIMEOUT_MS) throw error;
      }
      await delay(pauseMs);
    }
  }

  /** SQLite ends the transaction by itself after some errors, a full disk among them. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.isTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  #begin(): void {
    this.#database.exec('pragma busy_timeout = 0');
    try {
      this.#database.exec('begin immediate');
    } finally {
      this.#database.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }
}

class StatementCache {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(text: string): SqliteStatement {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const made = adapt(this.#database.prepare(text));
    if (this.#statements.size >= STATEMENTS_MAX) this.#statements.clear();
    this.#statements.set(text, made);
    return made;
  }
}

function adapt(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...parameters.map(toInput)),
    run: (parameters) => statement.run(...parameters.map(toInput)),
    iterate: (parameters) => statement.iterate(...parameters.map(toInput)),
  };
}

function toInput(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`a ${typeof value} cannot be a parameter of a query`);
}
