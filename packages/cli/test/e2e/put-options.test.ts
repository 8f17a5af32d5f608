import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Reply, Sandbox } from './sandbox.ts';

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await Sandbox.create();
  await sandbox.write({
    'tree/a.txt': 'alpha',
    'tree/b.log': 'log',
    'tree/sub/c.txt': 'gamma',
    'linked/d.txt': 'delta',
    'tree/link-to-folder': '-> ../linked',
    'single file.txt': 'single',
  });
});

afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

async function pathsOf(name: string): Promise<string[]> {
  const text = await sandbox.text('manifest', name, '--format', 'ndjson');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as Reply).path);
}

test('several paths, files and folders, into a folder', async () => {
  await sandbox.done(
    'put',
    'tree',
    'single file.txt',
    '--name',
    'many',
    '--type',
    'dataset',
    '--into',
    './x//y/',
  );
  expect(await pathsOf('many')).toEqual([
    'x/y/a.txt',
    'x/y/b.log',
    'x/y/link-to-folder/d.txt',
    'x/y/single file.txt',
    'x/y/sub/c.txt',
  ]);
});

test.for(['.', './', '/', ''])('the top of the version can be written as "%s"', async (into) => {
  await sandbox.done('put', 'single file.txt', '--name', 'top', '--type', 't', '--into', into);
  expect(await pathsOf('top')).toEqual(['single file.txt']);
});

test('a project without artifacts, a page behind the last item', async () => {
  await sandbox.done('put', 'single file.txt', '--name', 'mine/one', '--type', 't', '--into', 'sub');
  expect(await sandbox.text('ls', '--project', 'typo')).toBe('project typo has no artifacts\n');
  expect(await sandbox.text('ls', '--project', 'mine', '--after', '999')).toBe('no artifacts behind 999\n');
  expect(await sandbox.text('ls', 'mine/one', 'sub', '--after', 'zzz')).toBe(
    'local/mine/one:v0 has no entries behind zzz here\n',
  );
  expect(await sandbox.text('ls', 'mine/one', './')).toContain('sub/\n');
});

test('globs see the path below the folder given, without the folder of --into', async () => {
  const name = ['--name', 'globbed', '--type', 't'];
  await sandbox.done('put', 'tree', ...name, '--into', 'deep', '--include', 'sub/*', '--exclude', 'deep/**');
  expect(await pathsOf('globbed')).toEqual(['deep/sub/c.txt']);
});

test('include, exclude, no links to folders', async () => {
  await sandbox.done(
    'put',
    'tree',
    '--name',
    'some',
    '--type',
    't',
    '--include',
    '**/*.txt',
    '--exclude',
    'sub/**',
    '--no-follow-links',
  );
  expect(await pathsOf('some')).toEqual(['a.txt']);
});

test('a full name, aliases, description', async () => {
  const put = await sandbox.done(
    'put',
    'single file.txt',
    '--name',
    'team/vision/doc',
    '--type',
    'doc',
    '-a',
    'x',
    '-a',
    'y',
    '--description',
    '# D',
  );
  expect(put).toMatchObject({
    entity: 'team',
    project: 'vision',
    name: 'doc',
    aliases: ['latest', 'x', 'y'],
  });
  expect(await sandbox.done('show', 'team/vision/doc:y')).toMatchObject({ description: '# D' });
  const elsewhere = await sandbox.run(['show', 'doc', '--json'], {
    env: { WAYBILL_ENTITY: 'team', WAYBILL_PROJECT: 'vision' },
  });
  expect(elsewhere.exitCode).toBe(0);
});

test('file:// is hashed and recorded, not stored, and its file is checked when it is read', async () => {
  const folder = sandbox.path('tree');
  const put = await sandbox.done(
    'put',
    `file://${folder}`,
    '--name',
    'refs',
    '--type',
    'dataset',
    '--no-cache',
  );
  // References do not follow links to folders.
  expect(put).toMatchObject({ entries: 3, stats: { filesHashed: 3, blobsStored: 0, bytesStored: 0 } });
  expect(put.skipped).toEqual([
    { path: join(folder, 'link-to-folder'), reason: expect.any(String) as unknown },
  ]);
  const [first] = (await sandbox.done('ls', 'refs')).entries;
  expect(first).toMatchObject({ path: 'a.txt', size: 5, ref: `file://${folder}/a.txt` });
  expect(await sandbox.text('cat', 'refs', 'a.txt')).toBe('alpha');
  expect(
    await sandbox.text('put', `file://${sandbox.path('single file.txt')}`, '--name', 'ref', '--type', 't'),
  ).toMatch(/1 entry, /);

  await writeFile(join(folder, 'a.txt'), 'ALPHA');
  const changed = await sandbox.failed(['cat', 'refs', 'a.txt']);
  expect(changed.message).toContain('a.txt');
  expect([1, 4]).toContain(changed.exitCode);
  await writeFile(join(folder, 'a.txt'), 'alpha');
});

test('--reuse-any finds an older version', async () => {
  const put = (...more: string[]) => sandbox.done('put', 'flip', '--name', 'flip', '--type', 't', ...more);
  await sandbox.write({ 'flip/f': 'one' });
  await put();
  await sandbox.write({ 'flip/f': 'two' });
  expect(await put()).toMatchObject({ version: 'v1', created: true });
  await sandbox.write({ 'flip/f': 'one' });
  expect(await put('--reuse-any', '--alias', 'again')).toMatchObject({ version: 'v0', created: false });
  expect((await sandbox.done('show', 'flip:again')).version).toBe('v0');
});

test('--no-cache hashes again', async () => {
  await sandbox.write({ 'cached/f': 'content' });
  await sandbox.done('put', 'cached', '--name', 'cached', '--type', 't');
  // The cache trusts only files that were left alone for two seconds before they were read.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await sandbox.done('put', 'cached', '--name', 'cached');
  expect((await sandbox.done('put', 'cached', '--name', 'cached')).stats).toMatchObject({
    files: 1,
    filesHashed: 0,
  });
  expect((await sandbox.done('put', 'cached', '--name', 'cached', '--no-cache')).stats).toMatchObject({
    filesHashed: 1,
  });
});

test('a store elsewhere', async () => {
  const env = {
    WAYBILL_STORE: sandbox.path('elsewhere'),
    WAYBILL_THREADS: '1',
    WAYBILL_HOME: sandbox.path('home2'),
  };
  const put = await sandbox.json(['put', 'single file.txt', '--name', 'd', '--type', 't'], { env });
  expect(put.exitCode).toBe(0);
  const check = await sandbox.json(['store', 'check'], { env });
  expect(check.json).toMatchObject({ ok: true, blobs: 1 });
  // Another home must not collect what this one needs.
  const stranger = await sandbox.json(['ls'], { env: { ...env, WAYBILL_HOME: sandbox.path('home3') } });
  expect(stranger).toMatchObject({ exitCode: 5, json: { error: { code: 'STATE_CONFLICT' } } });
});

test('a store folder that was moved is found where WAYBILL_STORE says', async () => {
  const home = sandbox.path('home4');
  const env = { WAYBILL_HOME: home };
  expect((await sandbox.json(['put', 'tree', '--name', 'd', '--type', 't'], { env })).exitCode).toBe(0);
  await mkdir(sandbox.path('disk'));
  await rename(join(home, 'store'), sandbox.path('disk/store'));
  const moved = { ...env, WAYBILL_STORE: sandbox.path('disk/store') };
  const cat = await sandbox.run(['cat', 'd', 'a.txt'], { env: moved });
  expect(cat.stdout.toString()).toBe('alpha');
});

test('logs are JSON lines on standard error, the result stays alone on standard output', async () => {
  const { exitCode, stdout, stderr } = await sandbox.run(['ls', '--json'], { env: { WAYBILL_LOG: 'debug' } });
  expect(exitCode).toBe(0);
  expect(Object.keys(JSON.parse(stdout.toString()) as Reply)).toEqual(['artifacts', 'next']);
  const lines = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Reply);
  expect(lines.map((line) => line.msg)).toEqual(['command started', 'opening', 'command ended']);
});
