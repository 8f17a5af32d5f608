import { mkdirSync, writeFileSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliCommand } from '@waybill/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runTool } from './run-tool.ts';
import { Sandbox } from './sandbox.ts';

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await Sandbox.create();
  await sandbox.write({ 'tree/a.txt': 'alpha', 'tree/b/c.txt': 'gamma' });
  await sandbox.done('put', 'tree', '--name', 'demo', '--type', 'dataset');
});

afterAll(async () => {
  // Whatever the commands above did, the version is as it was.
  expect(await sandbox.done('get', 'demo:v0', '--root', 'at-the-end')).toMatchObject({ entries: 2 });
  expect(await sandbox.done('verify', 'demo:v0', 'tree')).toMatchObject({ ok: true });
  expect((await sandbox.done('versions', 'demo')).versions).toHaveLength(1);
  expect((await sandbox.done('store', 'check')).ok).toBe(true);
  await sandbox[Symbol.asyncDispose]();
});

const MISSING: readonly (readonly string[])[] = [
  ['get', 'nothing'],
  ['get', 'demo:v9'],
  ['checkout', 'demo:none', 'x'],
  ['verify', 'nothing', 'tree'],
  ['verify', 'demo', 'no-such-folder'],
  ['ls', 'nothing'],
  ['ls', 'demo', 'no/such/folder'],
  ['show', 'nothing:v0'],
  ['versions', 'nothing'],
  ['diff', 'demo:v0', 'demo:v1'],
  ['cat', 'demo', 'no-such-entry'],
  ['manifest', 'nothing'],
  ['alias', 'add', 'demo:v7', 'x'],
  ['alias', 'rm', 'demo', 'no-such-alias'],
  ['edit', 'demo:v7', '--description', 'x'],
  ['delete', 'demo:v7'],
  ['resume', 'no-such-ingest'],
  ['cancel', 'no-such-ingest'],
  ['put', 'no such path', '--name', 'demo'],
  ['put', 'tree', '--name', 'demo', '--metadata', '@no-such-file'],
];

test.for(MISSING)('not found: %s %s %s %s', async (args) => {
  const { exitCode, code, message } = await sandbox.failed(args);
  expect(exitCode).toBe(3);
  expect(code).toMatch(/^(?:SOURCE_)?NOT_FOUND$/);
  expect(message).toMatch(/nothing|v9|none|no[-/ ]such|v1|v7/);
});

describe('put', () => {
  const into = ['--name', 'demo'];

  test('a new artifact without a type', async () => {
    const failed = await sandbox.failed(['put', 'tree', '--name', 'fresh']);
    expect(failed).toMatchObject({ exitCode: 2, code: 'INVALID_ARGUMENT' });
    expect(failed.message).toContain('--type');
  });

  test('another type, another digest algorithm', async () => {
    const type = await sandbox.failed(['put', 'tree', ...into, '--type', 'model']);
    expect(type).toMatchObject({ exitCode: 5, code: 'TYPE_CONFLICT' });
    expect(type.message).toMatch(/demo.*dataset|dataset.*demo/);
    const digest = await sandbox.failed(['put', 'tree', ...into, '--digest', 'xxh128']);
    expect(digest).toMatchObject({ exitCode: 5, code: 'TYPE_CONFLICT' });
    expect(digest.message).toMatch(/MD5/);
  });

  test('a glob that is none', async () => {
    const failed = await sandbox.failed(['put', 'tree', ...into, '--include', '[z-a]']);
    expect(failed).toMatchObject({ exitCode: 2, code: 'INVALID_GLOB' });
    expect(failed.message).toContain('[z-a]');
    expect(await sandbox.failed(['get', 'demo', '--only', '[z-a]'])).toMatchObject({ exitCode: 2 });
  });

  test('a folder that leads outside', async () => {
    const failed = await sandbox.failed(['put', 'tree', ...into, '--into', '../up']);
    expect(failed).toMatchObject({ exitCode: 2, code: 'INVALID_ARGUMENT' });
    expect(failed.message).toMatch(/^--into: .*climbs with ".."/);
  });

  test('two sources that disagree about a path are both named', async () => {
    await sandbox.write({ 'other/a.txt': 'not alpha' });
    const failed = await sandbox.failed(['put', 'tree', 'other', ...into]);
    expect(failed).toMatchObject({ exitCode: 5, code: 'PATH_CONFLICT' });
    expect(failed.message).toMatch(/tree/);
    expect(failed.message).toMatch(/other/);
    expect(failed.message).toMatch(/a\.txt/);
  });

  test('files that may not be read are all named', async () => {
    await sandbox.write({ 'locked/yes': '1', 'locked/no-1': '2', 'locked/deep/no-2\n': '3' });
    await chmod(sandbox.path('locked/no-1'), 0);
    await chmod(sandbox.path('locked/deep/no-2\n'), 0);
    const args = ['put', 'locked', ...into];
    const failed = await sandbox.failed(args, { unprivileged: true });
    expect(failed).toMatchObject({ exitCode: 1 });
    const human = await sandbox.run(args, { unprivileged: true });
    expect(human.stderr).toContain('no-1');
    expect(human.stderr).toContain('deep/no-2\\n');
  });

  test('a folder that may not be read', async () => {
    await sandbox.write({ 'closed/sub/file': '1' });
    await chmod(sandbox.path('closed/sub'), 0);
    const failed = await sandbox.run(['put', 'closed', ...into], { unprivileged: true });
    await chmod(sandbox.path('closed/sub'), 0o755);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain('closed/sub');
  });

  test('a name that is not UTF-8 is shown escaped', async () => {
    mkdirSync(sandbox.path('latin1'));
    writeFileSync(Buffer.concat([Buffer.from(`${sandbox.path('latin1')}/caf`), Buffer.from([0xe9])]), 'x');
    const failed = await sandbox.run(['put', 'latin1', ...into]);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toMatch(/caf\\+xe9/i);
  });

  test('--strict names what it will not leave out', async () => {
    await sandbox.write({ 'strict/a': '1', 'strict/broken': '-> nowhere' });
    const human = await sandbox.run(['put', 'strict', ...into, '--strict']);
    expect(human.exitCode).toBe(1);
    expect(human.stderr).toContain('broken');
    const json = await sandbox.json(['put', 'strict', ...into, '--strict']);
    expect(json).toMatchObject({ exitCode: 1, json: { error: { code: 'SOURCE_LEFT_OUT' } } });
  });
});

describe('targets', () => {
  test('a file where a folder should be', async () => {
    await sandbox.write({ 'a-file': 'x' });
    const failed = await sandbox.failed(['get', 'demo', '--root', 'a-file']);
    expect(failed.exitCode).toBe(2);
    expect(failed.message).toContain('a-file');
  });

  test('a link on the way is not followed', async () => {
    await sandbox.write({ 'target/b': '-> ../tree/b', 'target/keep': '' });
    const failed = await sandbox.failed(['get', 'demo', '--root', 'target']);
    expect(failed).toMatchObject({ exitCode: 5, code: 'TARGET_CONFLICT' });
    expect(failed.message).toContain('b');
  });

  test('a folder that may not be written', async () => {
    await sandbox.write({ 'read-only/x': '' });
    await chmod(sandbox.path('read-only'), 0o555);
    const failed = await sandbox.run(['get', 'demo', '--root', 'read-only'], { unprivileged: true });
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain('read-only');
  });

  test('-o into a folder that is not there', async () => {
    const failed = await sandbox.failed(['manifest', 'demo', '-o', 'none/m.json']);
    expect(failed).toMatchObject({ exitCode: 3, code: 'NOT_FOUND' });
  });
});

describe('homes', () => {
  test('one that may not be made', async () => {
    await sandbox.write({ 'owned/x': '' });
    await chmod(sandbox.path('owned'), 0o555);
    const env = { WAYBILL_HOME: join(sandbox.path('owned'), 'home') };
    const failed = await sandbox.run(['ls'], { env, unprivileged: true });
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain('WAYBILL_HOME');
  });

  test('a bucket', async () => {
    const failed = await sandbox.failed(['ls'], { env: { WAYBILL_STORE: 's3://bucket/prefix' } });
    expect(failed).toMatchObject({ exitCode: 1, code: 'UNSUPPORTED' });
  });

  test('a current folder that is gone', async () => {
    await sandbox.write({ 'gone/x': '' });
    const cwd = sandbox.path('gone');
    // The shell stands in the folder while it is removed.
    const script = 'cd "$0" && rm -r "$0" && exec "$@" ls';
    const { status, stderr } = runTool(['sh', '-c', script, cwd, ...cliCommand()]);
    expect(stderr).toBe('waybill: the current folder is gone; change to another one\n');
    expect(status).toBe(3);
  });
});

test('standard output that takes no more', async () => {
  const script = 'exec "$@" manifest demo > /dev/full';
  const env = { ...process.env, WAYBILL_HOME: sandbox.home };
  const { status, stderr } = runTool(['sh', '-c', script, 'sh', ...cliCommand()], { env });
  expect(stderr).toMatch(/^waybill: no space left to write standard output/);
  expect(status).toBe(1);
});

test('a file that changes between two runs is another version, and the first stays', async () => {
  await sandbox.write({ 'moving/f': 'one' });
  await sandbox.done('put', 'moving', '--name', 'moving', '--type', 't');
  await writeFile(sandbox.path('moving/f'), 'two');
  await sandbox.done('put', 'moving', '--name', 'moving');
  expect(await sandbox.text('cat', 'moving:v0', 'f')).toBe('one');
  await rm(sandbox.path('moving'), { recursive: true });
});
