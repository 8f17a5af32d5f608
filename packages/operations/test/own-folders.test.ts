import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Embedded, openEmbedded } from '@waybill/embedded';
import { checkoutVersion, getVersion, verifyVersion } from '@waybill/operations';
import { ingest } from '@waybill/pipeline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errorOf } from './memory-world.ts';

// Folders that must not be written over, on a real disk.

const ref = { entity: 'local', project: 'default', name: 'demo', alias: 'latest' } as const;

let top: string;
let ports: Embedded;

beforeEach(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'waybill-own-')));
  await mkdir(join(top, 'mount'));
  // What is given may be links: what counts is where they lead.
  await mkdir(join(top, 'real/base'), { recursive: true });
  await symlink('real/base', join(top, 'home'));
  const storeFolder = join(top, 'mount/store');
  ports = await openEmbedded({ home: join(top, 'home'), storeFolder, threads: 1 });
  await mkdir(join(top, 'tree'));
  await writeFile(join(top, 'tree/a'), 'content');
  await ingest(ports, {
    artifact: ref,
    type: 'dataset',
    aliases: [],
    paths: [join(top, 'tree')],
    into: '',
    workingFolder: top,
    options: {
      include: [],
      exclude: [],
      followLinks: true,
      strict: false,
      useStatCache: false,
      reuse: 'latest',
    },
  });
});

afterEach(async () => {
  await ports[Symbol.asyncDispose]();
  await rm(top, { recursive: true, force: true });
});

test('checkout and get keep their hands off catalog and store, reached by whatever path', async () => {
  await symlink(top, join(top, 'tree/up'));
  await symlink('mount/store', join(top, 'to-store'));
  const roots = [
    '',
    'home',
    'real',
    'real/base/cache/new',
    'mount',
    'to-store',
    'to-store/new/deep',
    'tree/up',
  ];
  for (const root of roots) {
    const request = { ref, root: join(top, root), force: true, only: [] };
    for (const write of [checkoutVersion, getVersion]) {
      const error = await errorOf(() => write(ports, request));
      expect(error.code, root).toBe('TARGET_CONFLICT');
      expect(error.message).toContain(
        await realpath(join(top, root)).catch(() => root.replace('to-', 'mount/')),
      );
      expect(error.message).toMatch(/real\/base"|mount\/store"/);
    }
  }
  expect(await readdir(join(top, 'real/base'))).toContain('catalog.db');
  expect(await readdir(join(top, 'real/base/cache')).catch(() => [])).not.toContain('new');
  expect(await readdir(join(top, 'mount/store'))).not.toContain('new');
  const beside = await checkoutVersion(ports, { ref, root: join(top, 'real/base-2'), force: false });
  expect(beside).toMatchObject({ written: 1 });
});

test('checkout removes what a killed download left behind', async () => {
  const root = join(top, 'out');
  await checkoutVersion(ports, { ref, root, force: false });
  await writeFile(join(root, '.waybill-part-0123456789'), 'half');
  expect(await checkoutVersion(ports, { ref, root, force: false })).toMatchObject({ removed: 1, skipped: 1 });
  expect(await readdir(root)).toEqual(['a']);
});

test('a file in the place of the folder is wrong usage', async () => {
  const root = join(top, 'tree/a');
  expect((await errorOf(() => getVersion(ports, { ref, root, only: [] }))).code).toBe('INVALID_ARGUMENT');
  expect((await errorOf(() => checkoutVersion(ports, { ref, root, force: true }))).code).toBe(
    'INVALID_ARGUMENT',
  );
  const verified = await errorOf(() => Array.fromAsync(verifyVersion(ports, { ref, root })));
  expect(verified.code).toBe('INVALID_ARGUMENT');
});

test('get of what no glob matches leaves no folder behind', async () => {
  const root = join(top, 'new/root');
  const error = await errorOf(() => getVersion(ports, { ref, root, only: ['nothing'] }));
  expect(error.code).toBe('NOT_FOUND');
  expect(await readdir(top)).not.toContain('new');
});
