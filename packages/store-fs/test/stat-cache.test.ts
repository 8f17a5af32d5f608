import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { type CacheRow, compareUtf8 } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createStatCacheReader, openStatCache, type StatCacheOptions } from '../src/index.ts';
import { isRoot, runAsNobody } from './as-nobody.ts';
import { textMatching } from './expect-code.ts';
import { nameArbitrary, useTree } from './tree-fixture.ts';

const tree = useTree();

function row(path: string, change: Partial<CacheRow> = {}): CacheRow {
  return {
    path,
    signature: randomBytes(32),
    algorithm: 'MD5',
    digest: randomBytes(16),
    ingest: 7,
    ...change,
  };
}

function cachePath(): string {
  return join(tree.top, 'home/stat-cache.sqlite');
}

async function keep(rows: readonly CacheRow[], change: Partial<StatCacheOptions> = {}): Promise<string[]> {
  const warnings: string[] = [];
  await using cache = await openStatCache({
    path: cachePath(),
    catalogId: 'catalog',
    warn: (message) => warnings.push(message),
    ...change,
  });
  using reader = createStatCacheReader({ path: cachePath() });
  await cache.keep([reader.encodeRows(rows)]);
  return warnings;
}

/** Asks for rows as a batch does: a range from the first to the last, paths ascending. */
function findAll(rows: readonly CacheRow[], asked: readonly CacheRow[] = rows): (string | undefined)[] {
  using reader = createStatCacheReader({ path: cachePath() });
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return [];
  using range = reader.openRange({ firstPath: first.path, lastPath: last.path, algorithm: 'MD5' });
  return asked.map(({ path, signature }) => {
    const found = range.find(path, signature);
    return found === undefined ? undefined : `${Buffer.from(found.digest).toHex()} ${found.ingest}`;
  });
}

function expected({ digest, ingest }: CacheRow): string {
  return `${Buffer.from(digest).toHex()} ${ingest}`;
}

function sorted(rows: readonly CacheRow[]): CacheRow[] {
  return rows.toSorted((a, b) => compareUtf8(a.path, b.path));
}

describe('the stat cache', () => {
  test('remembers under exactly the signature and algorithm', async () => {
    const one = row('/data/one', { ingest: 2 ** 48 - 1 });
    const other = row('/data/other', { algorithm: 'XXH128' });
    expect(await keep([one, other])).toEqual([]);
    using reader = createStatCacheReader({ path: cachePath() });
    const find = (path: string, asked: { signature: Uint8Array; algorithm: CacheRow['algorithm'] }) => {
      using range = reader.openRange({ firstPath: path, lastPath: path, algorithm: asked.algorithm });
      return range.find(path, asked.signature);
    };
    expect(find('/data/one', one)).toEqual({ digest: new Uint8Array(one.digest), ingest: 2 ** 48 - 1 });
    expect(find('/data/other', other)).toEqual({ digest: new Uint8Array(other.digest), ingest: 7 });
    expect(find('/data/one', { ...one, algorithm: 'XXH128' })).toBeUndefined();
    for (let byte = 0; byte < 32; byte++) {
      const signature = Uint8Array.from(one.signature);
      signature[byte] = (signature[byte] ?? 0) ^ 1;
      expect(find('/data/one', { ...one, signature })).toBeUndefined();
    }
    expect(find('/data/onf', one)).toBeUndefined();
  });

  test('keeps the newest row of a path', async () => {
    const first = row('/f');
    const second = row('/f', { ingest: 8 });
    await keep([first]);
    await keep([second]);
    expect(findAll([first])).toEqual([undefined]);
    expect(findAll([second])).toEqual([expected(second)]);
  });

  test('finds many, with gaps on both sides', async () => {
    const rows = Array.from({ length: 5_000 }, (_, index) => row(`/data/${String(index).padStart(6, '0')}`));
    await keep(rows);
    expect(findAll(rows)).toEqual(rows.map(expected));
    const everySeventh = rows.filter((_, index) => index % 7 === 3);
    expect(findAll(rows, everySeventh)).toEqual(everySeventh.map(expected));
    const sparse = rows.filter((_, index) => index % 1_999 === 0);
    expect(findAll(rows, sparse)).toEqual(sparse.map(expected));
    const between = rows.slice(0, 50).flatMap((known) => [known, row(`${known.path}x`)]);
    expect(findAll(rows, between)).toEqual(
      between.map((asked, index) => (index % 2 === 0 ? expected(asked) : undefined)),
    );
  });

  test('finds every row whatever the paths and the order they were kept in', async () => {
    const pathArbitrary = fc
      .array(nameArbitrary, { minLength: 1, maxLength: 3 })
      .map((parts) => `/${parts.join('/')}`);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(pathArbitrary, { minLength: 1, maxLength: 40 }),
        fc.nat(),
        async (paths, seed) => {
          const rows = paths.map((path) => row(path));
          await keep(rows, { catalogId: `catalog${round++}` });
          const ascending = sorted(rows);
          expect(findAll(ascending)).toEqual(ascending.map(expected));
          const asked = ascending.filter((_, index) => (seed >> (index % 20)) % 2 === 0);
          expect(findAll(ascending, asked)).toEqual(asked.map(expected));
        },
      ),
      { numRuns: 60, verbose: 1 },
    );
  });

  test('encodes rows as documented', () => {
    using reader = createStatCacheReader({ path: cachePath() });
    const golden = row('/\u00e9', {
      signature: Uint8Array.from({ length: 32 }, (_, index) => index),
      digest: new Uint8Array(16).fill(0xdd),
      algorithm: 'XXH128',
      ingest: 0x0102_0304_0506,
    });
    const signature = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
    expect(reader.encodeRows([golden]).toHex()).toBe(
      `03000000${signature}02010203040506${'dd'.repeat(16)}faf6d8302fc3a9`,
    );
  });

  test('binary states survive being joined', async () => {
    const rows = Array.from({ length: 300 }, (_, index) =>
      row(`/f${String(index).padStart(3, '0')}`, {
        signature: new Uint8Array(32).fill(index % 256),
        digest: new Uint8Array(16).fill(255 - (index % 256)),
        ingest: index,
      }),
    );
    await keep(rows);
    expect(findAll(rows)).toEqual(rows.map(expected));
  });

  test('does not believe a row that lost a bit', async () => {
    const one = row('/one');
    await keep([one]);
    const cache = new DatabaseSync(cachePath());
    const state = cache.prepare('SELECT state FROM files').get()?.['state'];
    if (!(state instanceof Uint8Array)) throw new Error('no state');
    for (let byte = 0; byte < state.length; byte++) {
      const damaged = Uint8Array.from(state);
      damaged[byte] = (damaged[byte] ?? 0) ^ 16;
      cache.prepare('UPDATE files SET state = ?').run(damaged);
      expect(findAll([one]), `byte ${byte}`).toEqual([undefined]);
    }
    cache.prepare('UPDATE files SET state = ?').run(state);
    expect(findAll([one])).toEqual([expected(one)]);
    cache.close();
  });

  test('that is absent remembers nothing, and is found once it is there', async () => {
    const one = row('/one');
    using reader = createStatCacheReader({ path: cachePath() });
    const find = () => {
      using range = reader.openRange({ firstPath: '/one', lastPath: '/one', algorithm: 'MD5' });
      return range.find('/one', one.signature);
    };
    expect(find()).toBeUndefined();
    await keep([one]);
    expect(find()?.ingest).toBe(7);
  });

  test('of another catalog is begun anew, with one warning', async () => {
    const one = row('/one');
    await keep([one]);
    const warnings = await keep([], { catalogId: 'another' });
    expect(warnings).toEqual([textMatching(/belongs to another catalog/)]);
    expect(findAll([one])).toEqual([undefined]);
    expect(await keep([one], { catalogId: 'another' })).toEqual([]);
    expect(findAll([one])).toEqual([expected(one)]);
  });

  test.for([
    ['no database', () => randomBytes(20_000)],
    ['text', () => Buffer.from('not a database at all')],
    ['a torn database', (file: Buffer) => Buffer.concat([file.subarray(0, 4_000), randomBytes(file.length)])],
    ['a database cut short', (file: Buffer) => file.subarray(0, file.length / 2)],
  ] as const)('that is damaged (%s) is begun anew, or forgets', async ([, damage]) => {
    const rows = Array.from({ length: 500 }, (_, index) => row(`/data/${String(index).padStart(5, '0')}`));
    await keep(rows);
    writeFileSync(cachePath(), damage(readFileSync(cachePath())));
    // Readers that meet the damage find nothing wrong, and do not throw.
    for (const [index, found] of findAll(rows).entries())
      expect([undefined, expected(rows[index] ?? row(''))]).toContain(found);
    const warnings = await keep(rows);
    expect(warnings.length).toBeLessThanOrEqual(1);
    await keep(rows);
    await keep(rows);
    const found = findAll(rows);
    for (const [index, digest] of found.entries())
      expect([undefined, expected(rows[index] ?? row(''))]).toContain(digest);
  });

  test('of a file with other tables is begun anew', async () => {
    mkdirSync(join(tree.top, 'home'));
    const other = new DatabaseSync(cachePath());
    other.exec('CREATE TABLE meta (x); CREATE TABLE files (y)');
    other.close();
    const one = row('/one');
    expect(await keep([one])).toEqual([textMatching(/begun anew/)]);
    expect(findAll([one])).toEqual([expected(one)]);
  });

  test('where nothing can be written is done without, with one warning', async (context) => {
    if (!isRoot) return context.skip('NOT ROOT: permission tests run as another user');
    chmodSync(tree.top, 0o755);
    const answer = await runAsNobody(
      `import { openStatCache, createStatCacheReader } from '@waybill/store-fs';
      const warnings = [];
      const cache = await openStatCache({ path: argument, catalogId: 'c', warn: (message) => warnings.push(message) });
      const reader = createStatCacheReader({ path: argument });
      const bytes = reader.encodeRows([{ path: '/a', signature: new Uint8Array(32), algorithm: 'MD5', digest: new Uint8Array(16), ingest: 1 }]);
      await cache.keep([bytes]); await cache.keep([bytes]);
      await cache[Symbol.asyncDispose]();
      console.log(JSON.stringify(warnings));`,
      cachePath(),
    );
    expect(answer).toEqual([textMatching(/cannot be used.*hashed again/)]);
  });

  test('may be written and read by several processes at once', async () => {
    const body = `
      import { openStatCache, createStatCacheReader } from '@waybill/store-fs';
      const [path, id] = process.argv.slice(1);
      await using cache = await openStatCache({ path, catalogId: 'catalog', warn: (message) => { throw new Error(message); } });
      const reader = createStatCacheReader({ path });
      for (let round = 0; round < 20; round++) {
        const rows = Array.from({ length: 300 }, (_, index) => ({ path: '/' + id + '/' + String(round * 1000 + index).padStart(6, '0'), signature: new Uint8Array(32).fill(round), algorithm: 'MD5', digest: new Uint8Array(16).fill(Number(id)), ingest: round }));
        await cache.keep([reader.encodeRows(rows)]);
        const range = reader.openRange({ firstPath: rows[0].path, lastPath: rows.at(-1).path, algorithm: 'MD5' });
        for (const row of rows) if (range.find(row.path, row.signature)?.digest[0] !== Number(id)) throw new Error('lost ' + row.path);
      }`;
    const run = (id: number) =>
      promisify(execFile)(
        process.execPath,
        ['--conditions=source', '--input-type=module-typescript', '-e', body, cachePath(), String(id)],
        { cwd: import.meta.dirname },
      );
    await Promise.all([run(1), run(2), run(3)]);
    const rows = [1, 2, 3].map((id) =>
      row(`/${id}/019299`, {
        signature: new Uint8Array(32).fill(19),
        digest: new Uint8Array(16).fill(id),
        ingest: 19,
      }),
    );
    expect(findAll(rows)).toEqual(rows.map(expected));
  });

  test('when large forgets what no ingest has recorded for long, once in a while', async () => {
    const old = Array.from({ length: 300 }, (_, index) =>
      row(`/old/${String(index).padStart(3, '0')}`, { ingest: 1 }),
    );
    const fresh = Array.from({ length: 300 }, (_, index) =>
      row(`/z/${String(index).padStart(3, '0')}`, { ingest: 60 }),
    );
    await keep(old);
    await keep([], { trimAboveBytes: 0 });
    expect(findAll(old)).toEqual(old.map(expected));
    await keep(fresh);
    await keep([]);
    expect(findAll(old)).toEqual(old.map(expected));
    expect(statSync(cachePath()).size).toBeGreaterThan(1_000);
    await keep([], { trimAboveBytes: 1_000 });
    expect(findAll(old)).toEqual(old.map(() => undefined));
    expect(findAll(fresh)).toEqual(fresh.map(expected));
    await keep(old);
    await keep([], { trimAboveBytes: 1_000 });
    expect(findAll(old)).toEqual(old.map(expected));
  });
});
