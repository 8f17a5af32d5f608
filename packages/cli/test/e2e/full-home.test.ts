import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { glob, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runTool } from './run-tool.ts';
import { Sandbox } from './sandbox.ts';

const MIB = 1_048_576;
/** Room for what the attempts before had stored already, and for a copy of all files beside that. */
const DISK_MIB = 76;
const FREE_MIB = 20;
const LARGE = ['a', 'b', 'c', 'd'];

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await Sandbox.create();
});

afterEach(async () => {
  runTool(['umount', sandbox.home]);
  await sandbox[Symbol.asyncDispose]();
});

async function storedObjects(): Promise<string[]> {
  const found = await Array.fromAsync(
    glob('*/{packs,blobs,staging}/**', { cwd: join(sandbox.home, 'store'), withFileTypes: true }),
  );
  return found.filter((file) => file.isFile()).map((file) => file.name);
}

test('a disk that fills up amid large files: put again, once there is space, and nothing is left over', async (context) => {
  mkdirSync(sandbox.home);
  const mounted = runTool(['mount', '-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', sandbox.home]);
  context.skip(mounted.status !== 0, `a small file system cannot be mounted: ${mounted.stderr}`);
  await sandbox.write({ 'first/kept': 'kept', 'tree/small': 'small', 'tree/sub/other': 'other' });
  for (const name of LARGE) await sandbox.write({ [`tree/large-${name}`]: randomBytes(8 * MIB) });
  await sandbox.done('put', 'first', '--name', 'demo', '--type', 't');
  await writeFile(join(sandbox.home, 'filler'), Buffer.alloc((DISK_MIB - FREE_MIB) * MIB));

  const put = ['put', 'tree', '--name', 'demo'];
  const human = await sandbox.run(put);
  expect({ exitCode: human.exitCode, stdout: human.stdout.toString() }).toEqual({ exitCode: 1, stdout: '' });
  expect(human.stderr.match(/^waybill: /gm)).toHaveLength(1);
  expect(human.stderr).toMatch(/space/);
  const json = await sandbox.json(put);
  expect(json).toMatchObject({ exitCode: 1, json: { error: { code: 'NO_SPACE' } } });
  expect((await sandbox.done('versions', 'demo')).versions).toHaveLength(1);
  expect(await sandbox.text('cat', 'demo:v0', 'kept')).toBe('kept');

  await rm(join(sandbox.home, 'filler'));
  expect(await sandbox.done(...put)).toMatchObject({ version: 'v1', created: true, entries: 6 });
  expect(await sandbox.done('verify', 'demo:v1', 'tree')).toMatchObject({ ok: true });
  expect(await sandbox.done('get', 'demo:v1', '--root', 'out')).toMatchObject({ entries: 6 });
  expect(runTool(['diff', '-r', 'tree', 'out'], { cwd: sandbox.folder })).toMatchObject({
    status: 0,
    stdout: '',
  });
  expect(await sandbox.done('resume')).toEqual({ ingests: [] });

  await sandbox.done('gc', '--grace', '0');
  const check = await sandbox.done('store', 'check');
  expect(check).toMatchObject({ ok: true, leftovers: 0, versions: 2, findings: [] });
  expect(await storedObjects()).toHaveLength(check.objects);
});
