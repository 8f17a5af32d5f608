import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, open, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import { DatabaseSync } from 'node:sqlite';
import { openSqliteCatalog, type SqlCatalog } from '@waybill/catalog';
import { ArtifactError } from '@waybill/core';
import { expect, test } from 'vitest';
import { enterWal } from '../src/open-sqlite-catalog.ts';
import { startChild } from './run-child.ts';
import { CLOCK, ingestInto, testFolder } from './test-folder.ts';

const NOBODY = 65_534;
const IS_ROOT = userInfo().uid === 0;

async function failure(attempt: Promise<unknown>): Promise<ArtifactError> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof ArtifactError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

function openAt(path: string): Promise<SqlCatalog> {
  return openSqliteCatalog({ path, clock: CLOCK });
}

/** A catalog with enough in it to have pages everywhere. */
async function filledCatalog(path: string): Promise<void> {
  await using catalog = await openAt(path);
  for (let n = 0; n < 3; n++) {
    const ingest = await catalog.createIngest(ingestInto('e'));
    const notices = Array.from({ length: 2_000 }, (_, row) => ({
      severity: 'left-out' as const,
      reason: 'r',
      path: `${n}/${row}`,
      message: 'm'.repeat(100),
    }));
    await catalog.addWalkNotices(ingest, { sourceIndex: 0, notices });
  }
}

test('makes its folder and file, and finds the same catalog again', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'new', 'deep', 'catalog.db');
  const first = await openAt(path);
  const { catalogId } = first;
  await first[Symbol.asyncDispose]();
  await using second = await openAt(path);
  expect(second.catalogId).toBe(catalogId);
  expect(await second.check()).toEqual([]);
  const database = new DatabaseSync(path, { readOnly: true });
  expect(database.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' });
  database.close();
});

test('a database that cannot have a write-ahead log is refused', async () => {
  // In memory SQLite keeps its own mode and says so instead of failing.
  using database = new DatabaseSync(':memory:');
  const error = await failure(enterWal(database, 'catalog X'));
  expect(error.code).toBe('UNSUPPORTED');
  expect(error.message).toMatch(/catalog X.*WAYBILL_HOME on a local file system/);
});

test('an open catalog is closed once, however often it is disposed', async () => {
  await using folder = await testFolder();
  const catalog = await openAt(join(folder.path, 'catalog.db'));
  await catalog[Symbol.asyncDispose]();
  await catalog[Symbol.asyncDispose]();
  await expect(catalog.listEntities()).rejects.toBeInstanceOf(ArtifactError);
});

test('a catalog of a newer version is refused with what to do', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  await (await openAt(path))[Symbol.asyncDispose]();
  const database = new DatabaseSync(path);
  database.exec('update catalog_state set schema_version = 999');
  database.close();
  const error = await failure(openAt(path));
  expect(error.code).toBe('TOO_NEW');
  expect(error.message).toContain(path);
  expect(error.message).toContain('update Waybill');
});

test("another program's database is left alone", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'other.db');
  const database = new DatabaseSync(path);
  database.exec('create table customers (name text)');
  database.close();
  const error = await failure(openAt(path));
  expect(error.code).toBe('UNSUPPORTED');
  expect(error.message).toContain('customers');
});

test('a file that is no database is damaged, and named', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  await writeFile(path, 'this is not a database, but long enough to look at\n'.repeat(100));
  const error = await failure(openAt(path));
  expect(error).toMatchObject({ code: 'CORRUPT', outcome: 'verification' });
  expect(error.message).toContain(path);
});

test('a file cut short is damaged, and named', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  await filledCatalog(path);
  const { size } = await stat(path);
  await truncate(path, Math.floor(size / 8_192) * 4_096);
  const error = await failure(
    (async () => {
      await using catalog = await openAt(path);
      expect(await catalog.check()).not.toEqual([]);
      for (const { ingestId } of await catalog.listIngests({ limit: 9 })) {
        await catalog.listNotices({ ingestId, limit: 10_000 });
      }
    })(),
  );
  expect(error.code).toBe('CORRUPT');
  expect(error.message).toContain(path);
});

test('overwritten pages are found by check, wherever they are', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  await filledCatalog(path);
  const sound = await readFile(path);
  for (const page of [3, 20, 40]) {
    await writeFile(path, sound);
    const file = await open(path, 'r+');
    await file.write(Buffer.alloc(4_096, 0xa5), 0, 4_096, page * 4_096);
    await file.close();
    const found = await failure(
      (async () => {
        await using catalog = await openAt(path);
        const problems = await catalog.check();
        throw new ArtifactError('CORRUPT', problems.join('; '));
      })(),
    );
    expect(found.code, `page ${page}`).toBe('CORRUPT');
    expect(found.message, `page ${page}`).not.toBe('');
  }
});

test('check finds counters that are wrong', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  await using catalog = await openAt(path);
  const key = 'e/packs/one';
  const blobs = {
    digests: new Uint8Array(16),
    offsets: Float64Array.of(0),
    lengths: Float64Array.of(5),
  };
  await catalog.adoptObject({ entity: 'e', key, kind: 'pack', algorithm: 'MD5', sizeBytes: 9, blobs });
  expect(await catalog.check()).toEqual([]);
  const database = new DatabaseSync(path);
  database.exec('update objects set live_bytes = 4');
  expect(await catalog.check()).toEqual([expect.stringContaining(key)]);
  database.exec('delete from objects');
  database.close();
  expect(await catalog.check()).toEqual([expect.stringContaining('1 blobs lie in an object')]);
});

test('a folder in the place of the file, and a file in the place of the folder', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'catalog.db');
  await mkdir(path);
  expect((await failure(openAt(path))).message).toContain(path);
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  const error = await failure(openAt(join(file, 'catalog.db')));
  expect([error.code, error.message]).toEqual(['IO', expect.stringContaining(file)]);
});

test('a place this user may not write to is refused with what to do', async (context) => {
  if (!IS_ROOT) context.skip('only root can act as another user');
  await using folder = await testFolder();
  await chmod(folder.path, 0o755);
  const path = join(folder.path, 'catalog.db');
  await (await openAt(path))[Symbol.asyncDispose]();
  for (const prepare of [
    async () => {},
    // Its folder alone is not enough.
    () => chown(folder.path, NOBODY, NOBODY),
  ]) {
    await prepare();
    const child = startChild({ kind: 'open', path, uid: NOBODY });
    const { code, stderr } = await child.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('PERMISSION');
    expect(stderr).toContain('cannot be written by this user');
  }
  await chown(path, NOBODY, NOBODY);
  const child = startChild({ kind: 'open', path, uid: NOBODY });
  expect((await child.ended).code).toBe(0);
});

test('a full disk is NO_SPACE, and what was committed before is whole', async (context) => {
  if (!IS_ROOT) context.skip('only root can mount a small disk');
  await using folder = await testFolder();
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder.path]);
  try {
    const path = join(folder.path, 'catalog.db');
    let written = 0;
    const fill = async (): Promise<never> => {
      await using catalog = await openAt(path);
      const ingest = await catalog.createIngest(ingestInto('e'));
      for (;;) {
        const notices = [{ severity: 'failed', reason: 'r', path: 'p', message: 'm'.repeat(1_000) }] as const;
        await catalog.addWalkNotices(ingest, { sourceIndex: 0, notices });
        written += 1;
      }
    };
    const error = await failure(fill());
    expect(error.code).toBe('NO_SPACE');
    expect(error.message).toContain(path);
    execFileSync('/bin/mount', ['-o', 'remount,size=8m', folder.path]);
    await using catalog = await openAt(path);
    const [ingest] = await catalog.listIngests({ limit: 1 });
    expect(await catalog.countNotices(ingest?.ingestId ?? '')).toEqual({ leftOut: 0, failed: written });
    expect(await catalog.check()).toEqual([]);
  } finally {
    execFileSync('/bin/umount', [folder.path]);
  }
});
