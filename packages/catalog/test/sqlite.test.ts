import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import { DatabaseSync } from 'node:sqlite';
import { openSqliteCatalog } from '@waybill/catalog';
import { describeCatalog } from '@waybill/testkit';
import { Kysely } from 'kysely';
import { afterAll } from 'vitest';
import { NodeSqliteDialect } from '../src/node-sqlite-driver.ts';
import { sqliteDialect } from '../src/sqlite-dialect.ts';
import { describeMigrations } from './migration-cases.ts';

const folder = await mkdtemp(join(tmpdir(), 'waybill-catalog-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describeCatalog('SQLite', (clock) => openSqliteCatalog({ path: join(folder, 'catalog.db'), clock }));

let databases = 0;
describeMigrations('sqlite', {
  dialect: sqliteDialect,
  async create() {
    databases += 1;
    const path = join(folder, `${databases}.db`);
    return {
      connect: () => {
        const database = new DatabaseSync(path);
        database.exec('pragma journal_mode = wal');
        return new Kysely({ dialect: new NodeSqliteDialect(database) });
      },
    };
  },
});
