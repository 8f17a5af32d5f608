import type { SpawnSyncReturns } from 'node:child_process';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cliCommand } from '@waybill/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runTool } from './run-tool.ts';
import { type Reply, Sandbox } from './sandbox.ts';

const NOBODY = 65_534;
/** Only root can be somebody else; anybody else cannot be kept from its own files. */
const isRoot = process.getuid?.() === 0;

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await Sandbox.create();
  await mkdir(sandbox.path('own'));
  await chown(sandbox.path('own'), NOBODY, NOBODY);
});

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** Runs a command as a user who owns nothing but the folder `own`. */
function asNobody(home: string, args: readonly string[]): SpawnSyncReturns<string> {
  const become = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const env = { PATH: process.env['PATH'], WAYBILL_HOME: home, TMPDIR: sandbox.path('own') };
  return runTool([...become, ...cliCommand(), ...args], { cwd: sandbox.folder, env });
}

describe.skipIf(!isRoot)('as another user', () => {
  test('all sources that may not be read are listed, nothing is committed, and put goes on later', async () => {
    const home = sandbox.path('own/home');
    const closed = Array.from({ length: 30 }, (_, index) => `tree/file-${index}`);
    await sandbox.write(
      Object.fromEntries([...closed, 'tree/open', 'tree/folder/inside'].map((path) => [path, path])),
    );
    for (const path of closed) await chmod(sandbox.path(path), 0o600);
    await chmod(sandbox.path('tree/folder'), 0o700);
    const put = ['put', 'tree', '--name', 'demo', '--type', 't'];

    const told = asNobody(home, put);
    expect({ status: told.status, stdout: told.stdout }).toEqual({ status: 1, stdout: '' });
    expect(told.stderr.match(/^waybill: /gm)).toHaveLength(1);
    expect(told.stderr).toMatch(/^waybill: 31 paths could not be read; nothing was committed/);
    expect(told.stderr).toContain('permission denied; check the owner and mode');
    expect(told.stderr).toContain('tree/folder"');

    const json = asNobody(home, [...put, '--json']);
    expect({ status: json.status, stderr: json.stderr }).toEqual({ status: 1, stderr: '' });
    const { error } = JSON.parse(json.stdout) as Reply;
    expect(error).toMatchObject({ code: 'SOURCE_UNREADABLE', details: { count: 31 } });
    for (const path of [...closed, 'tree/folder'])
      expect(JSON.stringify(error?.details['problems'])).toContain(`${sandbox.path(path)}\\"`);
    expect(asNobody(home, ['ls']).stdout).toMatch(/^no artifacts yet/);

    for (const path of closed) await chmod(sandbox.path(path), 0o644);
    await chmod(sandbox.path('tree/folder'), 0o755);
    const again = JSON.parse(asNobody(home, [...put, '--json']).stdout) as Reply;
    expect(again).toMatchObject({ version: 'v0', entries: 32 });
    expect(asNobody(home, ['resume']).stdout).toBe('no interrupted ingests\n');
  });

  test.for([0o755, 0o700])('a home of somebody else, mode %o', async (mode) => {
    await sandbox.write({ 'tree/a': 'x' });
    await sandbox.done('put', 'tree', '--name', 'demo', '--type', 't');
    await chmod(sandbox.home, mode);
    const before = await readdir(sandbox.home, { recursive: true });
    for (const args of [['ls'], ['put', 'tree', '--name', 'demo', '--force'], ['gc', '--grace', '0']]) {
      const { status, stdout, stderr } = asNobody(sandbox.home, args);
      expect({ args, status, stdout }).toEqual({ args, status: 1, stdout: '' });
      expect(stderr.match(/^waybill: /gm)).toHaveLength(1);
      expect(stderr).toContain(sandbox.home);
      expect(stderr).toContain('choose another WAYBILL_HOME');
    }
    expect((await readdir(sandbox.home, { recursive: true })).sort()).toEqual(before.sort());
    expect((await sandbox.done('versions', 'demo')).versions).toHaveLength(1);
  });

  test('a source folder and a target folder of somebody else', async () => {
    const home = sandbox.path('own/home');
    await sandbox.write({ 'own/tree/a': 'x', 'closed/b': 'y', 'target/keep': '' });
    await chmod(sandbox.path('closed'), 0o700);
    expect(asNobody(home, ['put', join('own', 'tree'), '--name', 'demo', '--type', 't']).status).toBe(0);
    for (const [args, path] of [
      [['put', 'closed', '--name', 'demo'], 'closed'],
      [['get', 'demo', '--root', 'target'], 'target'],
      [['cat', 'demo', 'a', '-o', 'target/out'], 'target/out'],
    ] as const) {
      const { status, stderr } = asNobody(home, args);
      expect({ args, status }).toEqual({ args, status: 1 });
      expect(stderr.match(/^waybill: /gm)).toHaveLength(1);
      expect(stderr).toContain(path);
    }
    expect(await readdir(sandbox.path('target'))).toEqual(['keep']);
  });
});
