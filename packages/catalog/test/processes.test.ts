import { join } from 'node:path';
import { openSqliteCatalog } from '@waybill/catalog';
import { expect, test } from 'vitest';
import { runChild, startChild } from './run-child.ts';
import { CLOCK, ingestInto, testFolder } from './test-folder.ts';

test('processes that start at once make one catalog', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  const answers = await Promise.all(Array.from({ length: 6 }, () => runChild({ kind: 'open', path })));
  await using catalog = await openSqliteCatalog({ path, clock: CLOCK });
  expect(answers).toEqual(Array.from({ length: 6 }, () => [catalog.catalogId]));
  expect(await catalog.check()).toEqual([]);
});

test('opening at once within one process makes one catalog too', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  const catalogs = await Promise.all(
    Array.from({ length: 5 }, () => openSqliteCatalog({ path, clock: CLOCK })),
  );
  expect(new Set(catalogs.map(({ catalogId }) => catalogId)).size).toBe(1);
  for (const catalog of catalogs) await catalog[Symbol.asyncDispose]();
});

test('processes that commit to one artifact at once get a number each, without gaps', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  const each = 15;
  const answers = await Promise.all(
    Array.from({ length: 3 }, () => {
      const ingests = Array.from({ length: each }, () => ingestInto('e'));
      return runChild({ kind: 'commit', path, ingests });
    }),
  );
  const indexes = answers.flat().map(Number);
  expect(indexes.toSorted((a, b) => a - b)).toEqual([...Array(3 * each).keys()]);
  // Each process saw its own numbers rise.
  for (const own of answers) expect(own).toEqual(own.map(Number).toSorted((a, b) => a - b));
  await using catalog = await openSqliteCatalog({ path, clock: CLOCK });
  const artifact = await catalog.getArtifact({ entity: 'e', project: 'p', name: 'n' });
  expect(artifact).toMatchObject({ versionCount: 3 * each, latestIndex: 3 * each - 1 });
});

test('a process killed before a transaction has done nothing, after it everything', async () => {
  const expected = {
    'catalog.migrate.begin': [undefined, undefined],
    'catalog.migrate.committed': [undefined, undefined],
    'catalog.createIngest.begin': [undefined, undefined],
    'catalog.createIngest.committed': ['PLANNING', undefined],
    'catalog.moveIngest.committed': ['RUNNING', undefined],
    'catalog.commitIngest.begin': ['FINALIZING', undefined],
    'catalog.commitIngest.committed': ['COMMITTED', 0],
  };
  for (const [point, outcome] of Object.entries(expected)) {
    await using folder = await testFolder();
    const path = join(folder.path, 'catalog.db');
    const ingest = ingestInto('e');
    const child = startChild({ kind: 'kill', path, ingest, point });
    expect((await child.ended).signal, point).toBe('SIGKILL');
    await using catalog = await openSqliteCatalog({ path, clock: CLOCK });
    const state = (await catalog.getIngest(ingest.ingestId))?.state;
    const version = await catalog.findVersion({ ...ingest.artifact, alias: 'latest' });
    expect([state, version?.index], point).toEqual(outcome);
  }
});

test('a process killed at any moment leaves a sound catalog', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  await using catalog = await openSqliteCatalog({ path, clock: CLOCK });
  for (let round = 0; round < 6; round++) {
    const child = startChild({ kind: 'store', path, ingest: ingestInto('e'), count: 2_000 });
    expect(await child.answer()).toBe('storing');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
    child.process.kill('SIGKILL');
    await child.ended;
    expect(await catalog.check()).toEqual([]);
    const objects = await catalog.listObjects({ entity: 'e', limit: 10_000 });
    for (const { objectId } of objects.slice(-3)) {
      expect((await catalog.listObjectBlobs(objectId)).offsets.length).toBe(2_000);
    }
  }
});
