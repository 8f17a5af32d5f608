import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../src/migrations.ts';
import { sqliteDialect } from '../src/sqlite-dialect.ts';

test('the description of the format names every table', async () => {
  const text = await readFile(new URL('../../../docs/formats/catalog.md', import.meta.url), 'utf8');
  const statements = MIGRATIONS.flatMap(({ statements: of }) => of(sqliteDialect.columnTypes));
  const tables = statements.flatMap((statement) => /^create table (\w+)/.exec(statement)?.[1] ?? []);
  expect(tables).toHaveLength(10);
  for (const table of tables) expect(text).toContain(`| \`${table}\` |`);
});
