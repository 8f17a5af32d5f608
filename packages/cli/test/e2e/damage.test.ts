import { mkdirSync } from 'node:fs';
import { glob, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
// biome-ignore lint/correctness/noUnresolvedImports: a module of Node that Biome does not know yet.
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runTool } from './run-tool.ts';
import { type Reply, Sandbox } from './sandbox.ts';

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await Sandbox.create();
  await sandbox.write({
    'tree/a.txt': 'alpha content',
    'tree/b/c.txt': 'gamma content',
    'tree/big': Buffer.alloc(5_000_000, 1),
  });
  await sandbox.done('put', 'tree', '--name', 'demo', '--type', 'dataset');
});

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

async function stored(pattern: string): Promise<string> {
  const store = join(sandbox.home, 'store');
  const found = await Array.fromAsync(glob(pattern, { cwd: store }));
  expect(found).toHaveLength(1);
  return join(store, found[0] ?? '');
}

async function flipByte(path: string, offset: number): Promise<void> {
  await using file = await open(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, offset);
  await file.write(new Uint8Array([(byte[0] ?? 0) ^ 0xff]), 0, 1, offset);
}

describe('a damaged pack', () => {
  test('is found and named by get, cat and store check, and put heals it', async () => {
    const pack = await stored('*/packs/*');
    const content = await readFile(pack);
    await flipByte(pack, content.indexOf('gamma content'));

    const cat = await sandbox.failed(['cat', 'demo', 'b/c.txt']);
    expect(cat).toMatchObject({ exitCode: 4, code: 'CORRUPT' });
    expect(cat.message).toContain('b/c.txt');
    const got = await sandbox.failed(['get', 'demo', '--root', 'out']);
    expect(got.exitCode).toBe(4);
    expect(got.message).toContain('b/c.txt');
    expect(await sandbox.text('cat', 'demo', 'a.txt')).toBe('alpha content');

    const check = await sandbox.json(['store', 'check']);
    expect(check.exitCode).toBe(4);
    expect(check.json).toMatchObject({ ok: false, damagedBlobs: 1, damagedEntries: 1 });
    expect(check.json.findings).toContainEqual(
      expect.objectContaining({ kind: 'damaged-entry', path: 'b/c.txt', version: 'local/default/demo:v0' }),
    );
    const told = await sandbox.run(['store', 'check']);
    expect(told.exitCode).toBe(4);
    expect(told.stdout.toString()).toContain('local/default/demo:v0: b/c.txt is damaged\n');
    expect(told.stdout.toString()).toContain('next: run "waybill store check --repair", then\n');

    expect((await sandbox.json(['store', 'check', '--repair'])).json.repaired).toBe(1);
    await sandbox.done('put', 'tree', '--name', 'demo', '--force');
    expect(await sandbox.text('cat', 'demo:v0', 'b/c.txt')).toBe('gamma content');
    expect((await sandbox.json(['store', 'check'])).exitCode).toBe(0);
  });
});

test('a damaged large blob: what was written before is not to be used', async () => {
  const blob = await stored('*/blobs/*/*/*');
  await flipByte(blob, 4_999_999);
  const failed = await sandbox.json(['cat', 'demo', 'big']);
  expect(failed.exitCode).toBe(4);
  expect(failed.json.error?.code).toBe('CORRUPT');
  const file = await sandbox.failed(['cat', 'demo', 'big', '-o', 'big.out']);
  expect(file.exitCode).toBe(4);
  await expect(readFile(sandbox.path('big.out'))).rejects.toThrow('ENOENT');
});

test('a damaged manifest is named', async () => {
  const manifest = await stored('*/manifests/*');
  const { length } = await readFile(manifest);
  await flipByte(manifest, length - 20);
  for (const args of [
    ['ls', 'demo'],
    ['get', 'demo'],
    ['cat', 'demo', 'a.txt'],
    ['verify', 'demo', 'tree'],
  ]) {
    const failed = await sandbox.failed(args);
    expect(failed).toMatchObject({ exitCode: 4, code: 'CORRUPT' });
    expect(failed.message).toContain('demo:v0');
  }
  const check = await sandbox.json(['store', 'check']);
  expect(check).toMatchObject({ exitCode: 4, json: { damagedManifests: 1 } });
  expect((await sandbox.done('show', 'demo')).version).toBe('v0');
  // What the report advises works.
  expect((await sandbox.run(['store', 'check'])).stdout.toString()).toContain(
    '--force, then delete that version',
  );
  expect((await sandbox.done('put', 'tree', '--name', 'demo', '--force')).version).toBe('v1');
  await sandbox.done('delete', 'demo:v0');
  expect((await sandbox.done('store', 'check')).ok).toBe(true);
  expect(await sandbox.text('cat', 'demo', 'a.txt')).toBe('alpha content');
});

test('manifest --json of a large damaged manifest is one object all the same', async () => {
  const files: Record<string, string> = {};
  for (let index = 0; index < 20_000; index += 1) files[`many/${index}-${'x'.repeat(60)}`] = `${index}`;
  await sandbox.write(files);
  const { version } = await sandbox.done('put', 'many', '--name', 'many', '--type', 'dataset');
  expect(version).toBe('v0');
  const whole = JSON.parse((await sandbox.run(['manifest', 'many', '--json'])).stdout.toString()) as Reply;
  expect(Object.keys(whole.contents)).toHaveLength(20_000);
  const { manifest } = (await sandbox.done('show', 'many')) as unknown as { manifest: { key: string } };
  const path = join(sandbox.home, 'store', manifest.key);
  await flipByte(path, Math.floor((await readFile(path)).length * 0.8));

  // Without --json what is right leaves before the damage is met.
  const streamed = await sandbox.run(['manifest', 'many']);
  expect(streamed.exitCode).toBe(4);
  expect(streamed.stdout.length).toBeGreaterThan(0);
  const { exitCode, json } = await sandbox.json(['manifest', 'many']);
  expect(exitCode).toBe(4);
  expect(Object.keys(json)).toEqual(['error']);
  expect(json.error?.code).toBe('CORRUPT');
  expect(json.error?.message).toContain('many:v0');
});

describe('the catalog', () => {
  test('overwritten with something else', async () => {
    await writeFile(join(sandbox.home, 'catalog.db'), Buffer.alloc(100_000, 'x'));
    const failed = await sandbox.failed(['ls']);
    expect(failed).toMatchObject({ exitCode: 4, code: 'CORRUPT' });
    expect(failed.message).toContain('catalog.db');
  });

  test('from a newer version', async () => {
    const database = new DatabaseSync(join(sandbox.home, 'catalog.db'));
    database.exec('update catalog_state set schema_version = 9999');
    database.close();
    const failed = await sandbox.failed(['ls']);
    expect(failed).toMatchObject({ exitCode: 1, code: 'TOO_NEW' });
    expect(failed.message).toMatch(/newer/);
  });
});

test('a full disk: one message, and the versions stay', async (context) => {
  const mountPoint = sandbox.path('small');
  mkdirSync(mountPoint);
  const mounted = runTool(['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mountPoint]);
  context.skip(mounted.status !== 0, `a small file system cannot be mounted: ${mounted.stderr}`);
  try {
    const env = { WAYBILL_HOME: sandbox.path('home-small'), WAYBILL_STORE: join(mountPoint, 'store') };
    await sandbox.write({
      'fits/a': 'small',
      'full/large': Buffer.alloc(8_000_000, 3),
      'full/b': Buffer.alloc(3_500_000, 4),
    });
    expect((await sandbox.json(['put', 'fits', '--name', 'd', '--type', 't'], { env })).exitCode).toBe(0);
    const failed = await sandbox.failed(['put', 'full', '--name', 'd'], { env });
    expect(failed).toMatchObject({ exitCode: 1, code: 'NO_SPACE' });
    expect((await sandbox.run(['cat', 'd:v0', 'a'], { env })).stdout.toString()).toBe('small');
    expect((await sandbox.json(['versions', 'd'], { env })).json.versions).toHaveLength(1);
    const [open] = (await sandbox.json(['resume'], { env })).json.ingests;
    expect(open).toMatchObject({ state: 'FAILED', live: false, error: { code: 'NO_SPACE' } });
    expect((await sandbox.json(['cancel', open?.id ?? ''], { env })).json.state).toBe('CANCELLED');
    expect((await sandbox.json(['gc', '--grace', '0'], { env })).exitCode).toBe(0);
    expect((await sandbox.json(['store', 'check'], { env })).json).toMatchObject({ ok: true, leftovers: 0 });
  } finally {
    runTool(['umount', mountPoint]);
  }
});
