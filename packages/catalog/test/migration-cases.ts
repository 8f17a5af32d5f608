import { type Kysely, sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CatalogSession } from '../src/catalog-session.ts';
import { ensureSchema } from '../src/ensure-schema.ts';
import { MIGRATIONS, type Migration } from '../src/migrations.ts';
import type { SqlDialect } from '../src/sql-dialect.ts';
import type { Tables } from '../src/tables.ts';
import { CLOCK } from './test-folder.ts';

/** An empty database, and a new connection to it at every call. */
export interface EmptyDatabase {
  connect(): Kysely<Tables>;
}

const NEXT: Migration = {
  version: MIGRATIONS.length + 1,
  statements: ({ integer }) => [
    `alter table entities add column size_limit ${integer}`,
    `create table migrated (n ${integer} not null)`,
    'insert into migrated values (1)',
  ],
};

export function describeMigrations(
  name: string,
  database: { dialect: SqlDialect; create(): Promise<EmptyDatabase> },
): void {
  const { dialect, create } = database;
  const open = (db: Kysely<Tables>): CatalogSession => {
    onTestFinished(() => db.destroy());
    return new CatalogSession({ db, dialect, clock: CLOCK, faults: undefined, description: 'catalog X' });
  };

  describe(`migrations of ${name}`, () => {
    test('the tables of every released version are as they were', async () => {
      for (const { version, statements } of MIGRATIONS) {
        const text = `${statements(dialect.columnTypes).join(';\n')};\n`;
        await expect(text).toMatchFileSnapshot(`fixtures/schema-${version}-${name}.sql`);
      }
    });

    test('make of a version of schema 1 one that stands for no other', async () => {
      const { connect } = await create();
      const older = open(connect());
      await ensureSchema(older, MIGRATIONS.slice(0, 1));
      await older.write('x', undefined, async (db) => {
        await sql`insert into entities (name) values ('e')`.execute(db);
        await sql`insert into artifacts (entity_id, project, name, type, digest_algorithm, created_at_ms, updated_at_ms)
          values (1, 'p', 'n', 't', 'MD5', 1, 1)`.execute(db);
        await sql`insert into versions values (1, 1, 1, 0, 'COMMITTED', 'd', null, '{}', 1, 1, 'k', 1, 1, 1, 'i', 0, null, 1, 1)`.execute(
          db,
        );
      });
      const newer = open(connect());
      await ensureSchema(newer);
      const versions = await newer.read(undefined, (db) =>
        db.selectFrom('versions').select(['digest', 'placement']).execute(),
      );
      expect(versions).toEqual([{ digest: 'd', placement: '' }]);
    });

    test('bring an older catalog up to date and keep what is in it', async () => {
      const { connect } = await create();
      const older = open(connect());
      const catalogId = await ensureSchema(older);
      await older.write('x', undefined, (db) => older.needEntity(db, 'kept'));
      const newer = open(connect());
      expect(await ensureSchema(newer, [...MIGRATIONS, NEXT])).toBe(catalogId);
      expect(await newer.read(undefined, (db) => newer.findEntity(db, 'kept'))).toBeDefined();
      const late = ensureSchema(older);
      await expect(late).rejects.toMatchObject({ code: 'TOO_NEW' });
    });

    test('that fail change nothing', async () => {
      const { connect } = await create();
      const session = open(connect());
      await ensureSchema(session);
      const broken: Migration = {
        version: NEXT.version,
        statements: (types) => [...NEXT.statements(types), 'insert into nowhere values (1)'],
      };
      await expect(ensureSchema(session, [...MIGRATIONS, broken])).rejects.toThrow('nowhere');
      await ensureSchema(session);
      await ensureSchema(session, [...MIGRATIONS, NEXT]);
    });

    test('are made once, however many begin them', async () => {
      const { connect } = await create();
      const sessions = Array.from({ length: 4 }, () => open(connect()));
      const ids = await Promise.all(sessions.map((session) => ensureSchema(session, [...MIGRATIONS, NEXT])));
      expect(new Set(ids).size).toBe(1);
      const [first] = sessions;
      const made = await first?.read(undefined, (db) =>
        sql`select cast(n as integer) as n from migrated`.execute(db),
      );
      expect(made?.rows).toEqual([{ n: 1 }]);
    });
  });
}
