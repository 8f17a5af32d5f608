import { type BlobRows, DIGEST_BYTES } from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import type { DigestQuery, SqlDialect } from './sql-dialect.ts';
import { sqliteErrorCode, translateSqliteError } from './sqlite-errors.ts';
import type { Database } from './tables.ts';

const SQLITE_ERROR = 1;
const PROBLEMS_MAX = 20;
/** Digits of one number in what {@link decimals} makes: enough for every integer a double holds. */
const DIGITS = 16;
const ZERO = 48;

export const sqliteDialect: SqlDialect = {
  columnTypes: {
    id: 'integer not null primary key autoincrement',
    integer: 'integer',
    text: 'text',
    bytes: 'blob',
    tableOptions: ' strict',
  },
  lockRows: sql``,
  findBlobs,
  blobRows,
  integerRows,
  integers: (values) => sql`(select value from json_each(${JSON.stringify(values)}))`,
  texts: (values) => sql`(select value from json_each(${JSON.stringify(values)}))`,
  transactSoon,
  // The write transaction this runs in is the lock.
  lockMigrations: async () => {},
  listTables,
  integrityProblems,
  isMissingTable: (error) =>
    sqliteErrorCode(error) === SQLITE_ERROR &&
    Error.isError(error) &&
    error.message.includes('no such table'),
  mayRetry: () => false,
  translate: translateSqliteError,
};

/** In WAL mode `normal` syncs at checkpoints only; the log stays a prefix of what was committed. */
function transactSoon<T>(db: Database, transaction: (db: Database) => Promise<T>): Promise<T> {
  return db.connection().execute(async (connection) => {
    await sql`pragma synchronous = normal`.execute(connection);
    try {
      return await connection.transaction().execute(transaction);
    } finally {
      await sql`pragma synchronous = full`.execute(connection);
    }
  });
}

/** `cross join` fixes the order of the loops: digests outside, the index inside. */
function findBlobs({ entityId, algorithm, digests }: DigestQuery): RawBuilder<unknown> {
  const count = digests.length / DIGEST_BYTES;
  return sql`(
    with recursive n (i) as (select 0 union all select i + 1 from n where i + 1 < ${count})
    select n.i, b.blob_id, b.object_id, b.byte_offset, b.byte_length
    from n cross join blobs b
    where b.entity_id = ${entityId} and b.algorithm = ${algorithm}
      and b.digest = substr(${digests}, n.i * ${sql.lit(DIGEST_BYTES)} + 1, ${sql.lit(DIGEST_BYTES)})
  )`;
}

/** Numbers travel as fixed-width decimal text in bytes: taking one out is then as cheap as taking a digest out. */
function blobRows({ digests, offsets, lengths }: BlobRows): RawBuilder<unknown> {
  const number = (numbers: Float64Array): RawBuilder<unknown> =>
    sql`cast(substr(${decimals(numbers)}, i * ${sql.lit(DIGITS)} + 1, ${sql.lit(DIGITS)}) as integer)`;
  return sql`(
    with recursive n (i) as (select 0 union all select i + 1 from n where i + 1 < ${offsets.length})
    select i, substr(${digests}, i * ${sql.lit(DIGEST_BYTES)} + 1, ${sql.lit(DIGEST_BYTES)}) as digest,
      ${number(offsets)} as byte_offset, ${number(lengths)} as byte_length from n
  )`;
}

function decimals(numbers: Float64Array): Uint8Array {
  const bytes = new Uint8Array(numbers.length * DIGITS).fill(ZERO);
  for (const [row, number] of numbers.entries()) {
    let rest = number;
    for (let at = (row + 1) * DIGITS - 1; rest > 0; at--) {
      bytes[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }
  return bytes;
}

function integerRows(columns: Readonly<Record<string, readonly number[]>>): RawBuilder<unknown> {
  const names = Object.keys(columns);
  const numbers = Object.values(columns);
  const rows = (numbers[0] ?? []).map((_, row) => numbers.map((column) => column[row]));
  const selected = names.map((name, at) => sql`value ->> ${sql.lit(at)} as ${sql.id(name)}`);
  return sql`(select ${sql.join(selected)} from json_each(${JSON.stringify(rows)}))`;
}

async function listTables(db: Database): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name
  `.execute(db);
  return rows.map(({ name }) => name);
}

async function integrityProblems(db: Database): Promise<string[]> {
  const pages = await sql<{ quick_check: string }>`pragma quick_check(${sql.lit(PROBLEMS_MAX)})`.execute(db);
  const keys = await sql<{ table: string; parent: string }>`pragma foreign_key_check`.execute(db);
  return [
    ...pages.rows.map((row) => row.quick_check).filter((text) => text !== 'ok'),
    ...keys.rows
      .slice(0, PROBLEMS_MAX)
      .map((row) => `a row of ${row.table} names a row of ${row.parent} that is not there`),
  ];
}
