import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeNames, type TreeEntry } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCheckoutRecords, createTargetTree, type TargetTreeOptions } from '../src/index.ts';
import { expectCode } from './expect-code.ts';
import {
  limitsArbitrary,
  nameArbitrary,
  plant,
  sortedByBytes,
  treeArbitrary,
  useTree,
} from './tree-fixture.ts';

const tree = useTree();
const targets = createTargetTree();

async function walk(options: TargetTreeOptions = {}): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const scratchFolder = join(tree.top, 'scratch');
  for await (const batch of createTargetTree({ scratchFolder, ...options }).walk(tree.root)) {
    expect(batch.length).toBeGreaterThan(0);
    expect(batch.length).toBeLessThanOrEqual(options.limits?.batchEntries ?? 1_000);
    entries.push(...batch);
  }
  return entries;
}

describe('a target tree', () => {
  test('is prepared, found and resolved', async () => {
    const target = join(tree.root, 'a/b');
    expect(await targets.prepare(target)).toEqual({ root: target, empty: true });
    writeFileSync(join(target, 'file'), '');
    symlinkSync('a/b', join(tree.root, 'link'));
    expect(await targets.prepare(join(tree.root, 'link'))).toEqual({ root: target, empty: false });
    expect(await targets.resolve(join(tree.root, 'link'))).toBe(target);
    await expectCode(() => targets.resolve(join(tree.root, 'nothing')), 'NOT_FOUND');
    await expectCode(() => targets.resolve(join(target, 'file')), 'INVALID_ARGUMENT');
    const conflict = await expectCode(() => targets.prepare(join(target, 'file')), 'INVALID_ARGUMENT');
    expect(conflict.message).toContain(join(target, 'file'));
    await expectCode(() => targets.prepare(join(target, 'file/below')), 'INVALID_ARGUMENT');
  });

  test('is located where it is, or would be made', async () => {
    const real = join(tree.root, 'a');
    mkdirSync(real);
    symlinkSync('a', join(tree.root, 'link'));
    symlinkSync('nothing', join(tree.root, 'broken'));
    expect(await targets.locate(join(tree.root, 'link'))).toBe(real);
    expect(await targets.locate(join(tree.root, 'link/new/deep'))).toBe(join(real, 'new/deep'));
    expect(await targets.locate(`${tree.root}/link/../b/./c`)).toBe(join(tree.root, 'b/c'));
    expect(await targets.locate(`${tree.root}/broken`)).toBe(join(tree.root, 'broken'));
    expect(await targets.locate('/')).toBe('/');
    for (const path of ['link/new/deep', 'link/../b/./c']) {
      const root = `${tree.root}/${path}`;
      const located = await targets.locate(root);
      expect(await targets.prepare(root)).toEqual({ root: located, empty: true });
    }
  });

  test('is walked in order, links as themselves, empty folders as such', async () => {
    tree.make('a/x', 'a-b', 'e/', 'e-', 'e.', 'n/m/', 'z');
    symlinkSync('a', join(tree.root, 'link'));
    symlinkSync('nothing', join(tree.root, 'a/broken'));
    execFileSync('mknod', [join(tree.root, 'pipe'), 'p']);
    const expected = [
      { path: 'a-b', kind: 'file' },
      { path: 'a/broken', kind: 'link' },
      { path: 'a/x', kind: 'file' },
      { path: 'e', kind: 'folder' },
      { path: 'e-', kind: 'file' },
      { path: 'e.', kind: 'file' },
      { path: 'link', kind: 'link' },
      { path: 'n/m', kind: 'folder' },
      { path: 'pipe', kind: 'other' },
      { path: 'z', kind: 'file' },
    ];
    expect(await walk()).toEqual(expected);
    expect(
      await walk({ limits: { folderInodeBytes: 0, sortRunNames: 2, walkNames: 3, batchEntries: 2 } }),
    ).toEqual(expected);
    expect(readdirSync(join(tree.top, 'scratch'))).toEqual([]);
    rmSync(tree.root, { recursive: true });
    mkdirSync(tree.root);
    expect(await walk()).toEqual([]);
  });

  test('is walked in byte order whatever its names', async () => {
    await fc.assert(
      fc.asyncProperty(treeArbitrary, nameArbitrary, limitsArbitrary, async (planted, name, limits) => {
        rmSync(tree.root, { recursive: true });
        plant(tree.root, planted);
        if (readdirSync(tree.root).every((other) => other !== name)) symlinkSync('x', join(tree.root, name));
        const entries = await walk({ limits });
        const all = execFileSync('find', [
          tree.root,
          '-mindepth',
          '1',
          '(',
          '-not',
          '-type',
          'd',
          '-o',
          '-empty',
          ')',
          '-printf',
          '%P\\0',
        ]);
        expect(entries.map(({ path }) => path)).toEqual(
          sortedByBytes(all.toString().split('\0').slice(0, -1)),
        );
      }),
      { numRuns: 60, verbose: 1 },
    );
  }, 60_000);

  test('that holds a name that is no UTF-8 is refused, naming it', async () => {
    writeFileSync(Buffer.from(`${tree.root}/caf\xe9`, 'latin1'), '');
    const error = await expectCode(() => walk(), 'TARGET_CONFLICT');
    expect(error.message).toContain('caf\\xe9');
    tree.make('ok\ufffd');
    rmSync(Buffer.from(`${tree.root}/caf\xe9`, 'latin1'));
    expect(await walk()).toEqual([{ path: 'ok\ufffd', kind: 'file' }]);
  });

  test('loses files and links, never what a link points to', async () => {
    tree.make('a/x', 'b/y', 'folder/keep', 'c');
    mkdirSync(join(tree.top, 'outside'));
    writeFileSync(join(tree.top, 'outside/victim'), '');
    symlinkSync('../outside', join(tree.root, 'link'));
    symlinkSync('../outside/victim', join(tree.root, 'file-link'));
    await expectCode(() => targets.removeFiles(tree.root, encodeNames(['link/victim'])), 'TARGET_CONFLICT');
    await targets.removeFiles(
      tree.root,
      encodeNames(['a/x', 'c', 'file-link', 'link', 'no/such', 'nothing']),
    );
    await expectCode(() => targets.removeFiles(tree.root, encodeNames(['folder'])), 'TARGET_CONFLICT');
    await expectCode(
      () => targets.removeFiles(tree.root, encodeNames(['../outside/victim'])),
      'INVALID_PATH',
    );
    await targets.removeFiles(tree.root, new Uint8Array(0));
    expect((await walk()).map(({ path }) => path)).toEqual(['a', 'b/y', 'folder/keep']);
    expect(readdirSync(join(tree.top, 'outside'))).toEqual(['victim']);
  });

  test('loses folders that hold nothing, innermost first', async () => {
    tree.make('a/b/c/', 'a/d/', 'keep/x', 'keep/e/f/', 'only/', 'new\nline/');
    symlinkSync('only', join(tree.root, 'to-only'));
    expect(await targets.removeEmptyFolders(tree.root)).toBe(8);
    expect(sortedByBytes(readdirSync(tree.root, { recursive: true }).map(String))).toEqual([
      'keep',
      'keep/x',
      'to-only',
    ]);
    expect(await targets.removeEmptyFolders(tree.root)).toBe(0);
    rmSync(join(tree.root, 'keep'), { recursive: true });
    rmSync(join(tree.root, 'to-only'));
    expect(await targets.removeEmptyFolders(tree.root)).toBe(0);
    expect(statSync(tree.root).isDirectory()).toBe(true);
  });
});

describe('checkout records', () => {
  test('remember folders across processes, by what they are and not only by their path', async () => {
    const file = join(tree.top, 'home/checkouts.jsonl');
    const records = createCheckoutRecords({ file });
    const folder = join(tree.root, 'checkout');
    mkdirSync(folder);
    symlinkSync('checkout', join(tree.root, 'link'));
    expect(await records.has(folder)).toBe(false);
    await Promise.all(Array.from({ length: 5 }, () => createCheckoutRecords({ file }).add(folder)));
    await records.add(tree.root);
    const again = createCheckoutRecords({ file });
    expect(await again.has(folder)).toBe(true);
    expect(await again.has(join(tree.root, 'link'))).toBe(true);
    expect(await again.has(tree.top)).toBe(false);
    expect(await again.has(join(tree.root, 'nothing'))).toBe(false);
    renameSync(folder, join(tree.root, 'moved'));
    mkdirSync(folder);
    expect(await again.has(folder)).toBe(false);
    expect(await again.has(join(tree.root, 'moved'))).toBe(false);
  });

  test('survive a line cut short', async () => {
    const file = join(tree.top, 'checkouts.jsonl');
    await appendFile(file, '{"root":"/somewhere","ino');
    const records = createCheckoutRecords({ file });
    await records.add(tree.root);
    await appendFile(file, 'null\n{"root":1}\n{"root"');
    expect(await createCheckoutRecords({ file }).has(tree.root)).toBe(true);
    await records.add(tree.top);
    expect(await createCheckoutRecords({ file }).has(tree.top)).toBe(true);
  });
});
