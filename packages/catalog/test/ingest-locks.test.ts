import { readdir } from 'node:fs/promises';
import { createIngestLocks } from '@waybill/catalog';
import { expect, test } from 'vitest';
import { startChild } from './run-child.ts';
import { testFolder } from './test-folder.ts';

test('is held once within a process, and free after it is given back', async () => {
  await using folder = await testFolder();
  const locks = createIngestLocks({ folder: folder.path });
  const again = createIngestLocks({ folder: folder.path });
  const held = await locks.acquire('one');
  expect(held).toBeDefined();
  expect(await locks.acquire('one')).toBeUndefined();
  expect(await again.acquire('one')).toBeUndefined();
  const other = await again.acquire('two');
  expect(other).toBeDefined();
  await held?.[Symbol.asyncDispose]();
  await held?.[Symbol.asyncDispose]();
  const next = await again.acquire('one');
  expect(next).toBeDefined();
  // The first holder is long done: it cannot give back what is not its any more.
  await held?.[Symbol.asyncDispose]();
  expect(await locks.acquire('one')).toBeUndefined();
  await next?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
  expect(await readdir(folder.path)).toEqual(['guard']);
});

test('a held lock nobody refers to any more stays held', async () => {
  await using folder = await testFolder();
  const locks = createIngestLocks({ folder: folder.path });
  await locks.acquire('forgotten');
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  globalThis.gc?.();
  expect(await locks.acquire('forgotten')).toBeUndefined();
});

test('an ingest that is killed frees its lock at once', async () => {
  await using folder = await testFolder();
  const locks = createIngestLocks({ folder: folder.path });
  for (let round = 0; round < 2; round++) {
    const child = startChild({ kind: 'lock', folder: folder.path, ingestId: 'one' });
    expect(await child.answer()).toBe('held');
    expect(await locks.acquire('one')).toBeUndefined();
    child.process.kill('SIGKILL');
    await child.ended;
    const lock = await locks.acquire('one');
    expect(lock).toBeDefined();
    await lock?.[Symbol.asyncDispose]();
  }
});

test('another process is refused while it is held, and gets it afterwards', async () => {
  await using folder = await testFolder();
  const locks = createIngestLocks({ folder: folder.path });
  const lock = await locks.acquire('one');
  const refused = startChild({ kind: 'lock', folder: folder.path, ingestId: 'one' });
  expect(await refused.answer()).toBe('taken');
  await refused.ended;
  await lock?.[Symbol.asyncDispose]();
  const child = startChild({ kind: 'lock', folder: folder.path, ingestId: 'one' });
  expect(await child.answer()).toBe('held');
  child.process.stdin.write('done\n');
  expect(await child.ended).toMatchObject({ code: 0 });
  const again = await locks.acquire('one');
  expect(again).toBeDefined();
  await again?.[Symbol.asyncDispose]();
});

test('names of files are made of ids only', async () => {
  await using folder = await testFolder();
  const locks = createIngestLocks({ folder: folder.path });
  for (const ingestId of ['', '../x', 'a/b', 'A', 'guard.lock']) {
    await expect(locks.acquire(ingestId)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
  // The guard's own file has no ending, so that an ingest may be called that.
  await using lock = await locks.acquire('guard');
  expect(lock).toBeDefined();
});
