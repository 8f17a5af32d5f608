import type { Clock, FaultPoints } from '@waybill/core';
import { Kysely, PostgresDialect } from 'kysely';
import type { PoolConfig } from 'pg';
import { CatalogSession } from './catalog-session.ts';
import { ensureSchema } from './ensure-schema.ts';
import { postgresDialect } from './postgres-dialect.ts';
import { type SqlCatalog, sqlCatalog } from './sql-catalog.ts';
import type { Tables } from './tables.ts';

export interface PostgresCatalogOptions {
  /** Where the database is; whatever `pg` takes. Tables are made in the first schema of its search path. */
  readonly pool: PoolConfig;
  readonly clock: Clock;
  readonly faults?: FaultPoints;
}

const CONNECT_TIMEOUT_MS = 10_000;
const LOCK_TIMEOUT_MS = 30_000;
/** A process that froze inside a transaction must not hold its locks for ever. */
const IDLE_IN_TRANSACTION_MS = 60_000;
const CONNECTIONS_MAX = 8;

/**
 * Opens the catalog in a PostgreSQL database, 15 or newer.
 *
 * @throws ArtifactError `IO` when the server cannot be reached, `PERMISSION`, `INVALID_ARGUMENT`, `TOO_NEW`, `BUSY`
 */
export async function openPostgresCatalog({
  pool: config,
  clock,
  faults,
}: PostgresCatalogOptions): Promise<SqlCatalog> {
  // Loaded here, so that those who use SQLite do not pay for it.
  const { default: pg } = await import('pg');
  const types = new pg.TypeOverrides();
  // Integers are below 2^53: sizes, counters, milliseconds.
  types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    max: CONNECTIONS_MAX,
    application_name: 'waybill',
    ...config,
    types,
  });
  // A connection that breaks while nobody uses it is replaced at the next query; without a listener it ends the process.
  pool.on('error', () => undefined);
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  const description = `catalog ${describe(config)}`;
  const session = new CatalogSession({ db, dialect: postgresDialect, clock, faults, description });
  try {
    return sqlCatalog(session, { catalogId: await ensureSchema(session) });
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Server and database, never user or password. */
function describe({ connectionString, host = 'localhost', port, database }: PoolConfig): string {
  if (connectionString === undefined) {
    return `postgres://${host}${port === undefined ? '' : `:${port}`}/${database ?? ''}`;
  }
  const url = URL.parse(connectionString);
  return url === null ? 'in PostgreSQL' : `postgres://${url.host}${url.pathname}`;
}
