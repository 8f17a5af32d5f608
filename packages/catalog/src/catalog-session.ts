import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { type CallOptions, type Clock, type FaultPoints, throwIfCancelled } from '@waybill/core';
import type { SqlDialect } from './sql-dialect.ts';
import type { Database } from './tables.ts';

const WRITE_ATTEMPTS = 6;
const RETRY_DELAY_MS = 10;

export interface CatalogSessionOptions {
  readonly db: Database;
  readonly dialect: SqlDialect;
  readonly clock: Clock;
  readonly faults: FaultPoints | undefined;
  /** Names the catalog in messages: `catalog /srv/waybill/catalog.db`. Never a secret. */
  readonly description: string;
}

/** An open catalog as the query modules use it: every read and every transaction passes here. */
export class CatalogSession {
  readonly dialect: SqlDialect;
  readonly clock: Clock;
  readonly description: string;
  readonly #db: Database;
  readonly #faults: FaultPoints | undefined;
  readonly #entityIds = new Map<string, number>();

  constructor({ db, dialect, clock, faults, description }: CatalogSessionOptions) {
    this.#db = db;
    this.dialect = dialect;
    this.clock = clock;
    this.#faults = faults;
    this.description = description;
  }

  /** Queries that change nothing, each seeing what is committed when it starts. */
  async read<T>(options: CallOptions | undefined, query: (db: Database) => Promise<T>): Promise<T> {
    throwIfCancelled(options?.signal);
    try {
      return await query(this.#db);
    } catch (error) {
      throw this.#translate(error);
    }
  }

  /**
   * One transaction, with the fault points `catalog.OPERATION.begin` and `catalog.OPERATION.committed` around it. It
   * may be run again when it lost against another one, so it does nothing outside the database.
   */
  async write<T>(
    operation: string,
    options: CallOptions | undefined,
    transaction: (db: Database) => Promise<T>,
  ): Promise<T> {
    throwIfCancelled(options?.signal);
    return this.#reach(operation, () => this.#db.transaction().execute(transaction));
  }

  /**
   * {@link write} for the bookkeeping of running ingests: a power loss may undo it together with all that came after
   * it, which is as if the process had died a little earlier. Any `write` that follows makes it durable.
   */
  async writeSoon<T>(
    operation: string,
    options: CallOptions | undefined,
    transaction: (db: Database) => Promise<T>,
  ): Promise<T> {
    throwIfCancelled(options?.signal);
    return this.#reach(operation, () => this.dialect.transactSoon(this.#db, transaction));
  }

  /** Lets timers, signals and other work of the thread have their turn: SQLite's own never gives way. */
  async breathe(): Promise<void> {
    await nextTurn();
  }

  /** The id of an entity, `undefined` when nothing of it was ever recorded. */
  async findEntity(db: Database, name: string): Promise<number | undefined> {
    const known = this.#entityIds.get(name);
    if (known !== undefined) return known;
    const found = await db
      .selectFrom('entities')
      .select('entity_id')
      .where('name', '=', name)
      .executeTakeFirst();
    if (found !== undefined) this.#entityIds.set(name, found.entity_id);
    return found?.entity_id;
  }

  async needEntity(db: Database, name: string): Promise<number> {
    const found = await this.findEntity(db, name);
    if (found !== undefined) return found;
    await db
      .insertInto('entities')
      .values({ name })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    // Not remembered: the transaction may still fail, and the id with it.
    const made = await db
      .selectFrom('entities')
      .select('entity_id')
      .where('name', '=', name)
      .executeTakeFirstOrThrow();
    return made.entity_id;
  }

  async close(): Promise<void> {
    await this.#db.destroy();
  }

  async #reach<T>(operation: string, transact: () => Promise<T>): Promise<T> {
    this.#faults?.reach(`catalog.${operation}.begin`);
    const result = await this.#attempt(transact, 1);
    this.#faults?.reach(`catalog.${operation}.committed`);
    await this.breathe();
    return result;
  }

  async #attempt<T>(transact: () => Promise<T>, attempt: number): Promise<T> {
    try {
      return await transact();
    } catch (error) {
      if (attempt >= WRITE_ATTEMPTS || !this.dialect.mayRetry(error)) throw this.#translate(error);
    }
    // Those who collided must not do so again at once; how long each waits decides nothing else.
    await delay(RETRY_DELAY_MS * attempt * (1 + Math.random()));
    return this.#attempt(transact, attempt + 1);
  }

  #translate(error: unknown): Error {
    return this.dialect.translate(error, this.description);
  }
}
