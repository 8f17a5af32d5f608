import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteCatalog } from '@waybill/catalog';
import { describeCatalog } from '@waybill/testkit';
import { afterAll } from 'vitest';

const folder = await mkdtemp(join(tmpdir(), 'waybill-catalog-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describeCatalog('SQLite', (clock) => openSqliteCatalog({ path: join(folder, 'catalog.db'), clock }));
