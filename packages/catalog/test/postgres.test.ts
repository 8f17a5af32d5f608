import { openPostgresCatalog } from '@waybill/catalog';
import { describeCatalog, startPostgres } from '@waybill/testkit';
import { afterAll, describe, test } from 'vitest';

const server = await startPostgres({ required: process.env['CI'] === 'true' });

if ('skipped' in server) {
  describe('PostgreSQL', () => {
    test('catalog', (context) => context.skip(server.skipped));
  });
} else {
  afterAll(() => server.stop());
  const connectionString = await server.createDatabase();
  describeCatalog('PostgreSQL', (clock) => openPostgresCatalog({ pool: { connectionString }, clock }));
}
