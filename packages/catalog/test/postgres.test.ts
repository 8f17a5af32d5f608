import { openPostgresCatalog } from '@waybill/catalog';
import { describeCatalog, type PostgresServer, startPostgres } from '@waybill/testkit';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { postgresDialect } from '../src/postgres-dialect.ts';
import { describeMigrations } from './migration-cases.ts';
import { CLOCK } from './test-folder.ts';

const server = await startPostgres({ required: process.env['CI'] === 'true' });

if ('skipped' in server) {
  describe('PostgreSQL', () => {
    test('catalog', (context) => context.skip(server.skipped));
  });
} else {
  afterAll(() => server.stop());
  const connectionString = await server.createDatabase();
  describeCatalog('PostgreSQL', (clock) => openPostgresCatalog({ pool: { connectionString }, clock }));
  describeMigrations('postgres', {
    dialect: postgresDialect,
    async create() {
      const url = await server.createDatabase();
      return {
        connect: () =>
          new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) }),
      };
    },
  });
  describeConnections(server);
}

function describeConnections(postgres: PostgresServer): void {
  describe('connecting to PostgreSQL', () => {
    const open = async (change: Readonly<Record<string, string>>): Promise<void> => {
      const url = new URL(postgres.connectionString);
      Object.assign(url, change);
      url.password = 'secret';
      await using _ = await openPostgresCatalog({ pool: { connectionString: url.href }, clock: CLOCK });
    };

    test.for([
      [{ port: '1' }, 'IO'],
      [{ pathname: '/nothing_here' }, 'INVALID_ARGUMENT'],
      [{ username: 'nobody_here' }, 'PERMISSION'],
    ] as const)('fails for %o as %s, naming the server and no secret', async ([change, code]) => {
      const failure = open(change);
      await expect(failure).rejects.toMatchObject({ code });
      await expect(failure).rejects.toThrow('postgres://127.0.0.1:');
      await expect(failure).rejects.not.toThrow('secret');
    });

    test('a connection the server cuts is replaced', async () => {
      const url = await postgres.createDatabase();
      await using catalog = await openPostgresCatalog({ pool: { connectionString: url }, clock: CLOCK });
      const admin = new pg.Client({ connectionString: url });
      await admin.connect();
      await admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      );
      await admin.end();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await catalog.listEntities()).toEqual([]);
    });
  });
}
