import { randomBytes } from 'node:crypto';
import { ArtifactError } from '@waybill/core';
import { sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';
import type { Database } from './tables.ts';

const CATALOG_ID_BYTES = 16;

/**
 * Brings the tables to this program's version; one read when they have it. Processes that start at once migrate one
 * after the other, and the later ones find nothing left to do.
 *
 * @returns the catalog's id
 * @throws ArtifactError `TOO_NEW`, `UNSUPPORTED` when the tables are not Waybill's, `CORRUPT`
 */
export async function ensureSchema(
  session: CatalogSession,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<string> {
  const current = migrations.at(-1)?.version ?? 0;
  const found = await session.read(undefined, (db) => readState(session, db));
  if (found !== undefined) assertNotNewer(session, { found: found.version, current });
  if (found?.version === current) return found.catalogId;
  return session.write('migrate', undefined, async (db) => {
    await session.dialect.lockMigrations(db);
    const before = await readStateInside(session, db);
    if (before !== undefined) assertNotNewer(session, { found: before.version, current });
    for (const migration of migrations) {
      if (migration.version <= (before?.version ?? 0)) continue;
      for (const statement of migration.statements(session.dialect.columnTypes)) {
        await sql.raw(statement).execute(db);
      }
    }
    if (before === undefined) return insertState(session, { db, version: current });
    await db.updateTable('catalog_state').set({ schema_version: current }).execute();
    return before.catalogId;
  });
}

interface State {
  readonly version: number;
  readonly catalogId: string;
}

async function readState(session: CatalogSession, db: Database): Promise<State | undefined> {
  try {
    return await selectState(session, db);
  } catch (error) {
    if (session.dialect.isMissingTable(error)) return undefined;
    throw error;
  }
}

/** As {@link readState}, but asks first: in PostgreSQL a failing query ends the transaction. */
async function readStateInside(session: CatalogSession, db: Database): Promise<State | undefined> {
  const tables = await session.dialect.listTables(db);
  if (tables.includes('catalog_state')) return selectState(session, db);
  if (tables.length > 0) {
    throw new ArtifactError(
      'UNSUPPORTED',
      `${session.description} is a database of something else (it holds the table "${tables[0]}"); choose another path`,
    );
  }
  return undefined;
}

async function selectState(session: CatalogSession, db: Database): Promise<State> {
  const rows = await db.selectFrom('catalog_state').select(['schema_version', 'catalog_id']).execute();
  const [row] = rows;
  if (row === undefined || rows.length > 1) {
    throw new ArtifactError(
      'CORRUPT',
      `${session.description} is damaged (it has ${rows.length} state rows, not one); restore it from a backup`,
    );
  }
  return { version: row.schema_version, catalogId: row.catalog_id };
}

async function insertState(
  session: CatalogSession,
  { db, version }: { db: Database; version: number },
): Promise<string> {
  const catalogId = randomBytes(CATALOG_ID_BYTES).toString('hex');
  await db
    .insertInto('catalog_state')
    .values({
      singleton: 1,
      schema_version: version,
      catalog_id: catalogId,
      tick: 1,
      ingest_sequence: 0,
      version_sequence: 0,
      proofs_void_up_to: 0,
      created_at_ms: session.clock.nowMs(),
    })
    .execute();
  return catalogId;
}

function assertNotNewer(
  session: CatalogSession,
  { found, current }: { found: number; current: number },
): void {
  if (found <= current) return;
  throw new ArtifactError(
    'TOO_NEW',
    `${session.description} was written by a newer Waybill (schema ${found}, this program knows up to ${current}); update Waybill to open it`,
  );
}
