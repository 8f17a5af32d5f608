import { compareUtf8 } from '@waybill/core';
import { type ListedEntry, listEntries } from '@waybill/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tree } from './arbitraries.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import { errorOf, put, refTo, type Tree, treeOf } from './memory-world.ts';

const ref = refTo('data');

async function listAll(ports: MemoryPorts, prefix: string, limit: number): Promise<string[]> {
  const items: ListedEntry[] = [];
  let after: string | undefined;
  do {
    const page = await listEntries(ports, { ref, prefix, after, limit });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items.map(({ path }) => path);
}

function naiveListing(files: Tree, folder: string): string[] {
  const found = new Set<string>();
  for (const path of files.keys()) {
    if (!path.startsWith(folder)) continue;
    const slash = path.indexOf('/', folder.length);
    found.add(slash < 0 ? path : path.slice(0, slash + 1));
  }
  return [...found].sort(compareUtf8);
}

describe('listEntries', () => {
  test('lists every folder like a directory, in pages of any size', async () => {
    await fc.assert(
      fc.asyncProperty(tree(), fc.integer({ min: 1, max: 5 }), async (files, limit) => {
        const ports = createMemoryPorts();
        await put(ports, files);
        const folders = new Set(['']);
        for (const path of files.keys()) {
          for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
            folders.add(path.slice(0, at + 1));
        }
        for (const folder of folders) {
          const wanted = naiveListing(files, folder);
          expect(await listAll(ports, folder, limit)).toEqual(wanted);
          if (folder !== '') expect(await listAll(ports, folder.slice(0, -1), limit)).toEqual(wanted);
        }
        for (const path of files.keys()) expect(await listAll(ports, path, limit)).toEqual([path]);
      }),
      { numRuns: 60 },
    );
  });

  test('passes over what lies in folders', async () => {
    const ports = createMemoryPorts();
    const many = Object.fromEntries(
      Array.from({ length: 900 }, (_, index) => [`${'abc'.charAt(index % 3)}/${index}`, '']),
    );
    await put(ports, treeOf({ ...many, z: 'last' }));
    const page = await listEntries(ports, { ref, prefix: '', limit: 100 });
    expect(page.items.map(({ path }) => path)).toEqual(['a/', 'b/', 'c/', 'z']);
    expect(page.items.at(-1)).toMatchObject({ kind: 'file', entry: { sizeBytes: 4 } });
    expect(ports.memory.manifests.blocksRead).toBeLessThan(10);
  });

  test('a page behind something that is not in the folder is empty, and does not begin again', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ 'a/b': '', 'sub/deep/x': '', 'sub/deep/y': '', 'sub/e': '', z: '' }));
    const after = async (prefix: string, item: string) =>
      (await listEntries(ports, { ref, prefix, after: item, limit: 5 })).items.map(({ path }) => path);
    for (const item of ['zzz', 'z', 'a/b', 'sub/e', 'sub/zzz', 'sub0']) {
      expect({ item, found: await after('sub', item) }).toEqual({ item, found: [] });
    }
    expect(await after('sub', 'sub/a')).toEqual(['sub/deep/', 'sub/e']);
    expect(await after('sub', 'sub/deep/')).toEqual(['sub/e']);
    // What lies within a listed folder is behind that folder, not in front of it.
    expect(await after('sub', 'sub/deep/x')).toEqual(['sub/e']);
    expect(await after('', 'zzz')).toEqual([]);
  });

  test('says when nothing is there', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ 'a/b': '' }));
    expect((await errorOf(() => listEntries(ports, { ref, prefix: 'b', limit: 5 }))).code).toBe('NOT_FOUND');
    expect((await errorOf(() => listEntries(ports, { ref, prefix: 'a/b/', limit: 5 }))).code).toBe(
      'NOT_FOUND',
    );
    expect((await errorOf(() => listEntries(ports, { ref, prefix: '../a', limit: 5 }))).code).toBe(
      'INVALID_PATH',
    );
    expect((await listEntries(ports, { ref, prefix: './a//b', limit: 5 })).items).toHaveLength(1);
    const empty = createMemoryPorts();
    await put(empty, new Map());
    expect(await listEntries(empty, { ref, prefix: '', limit: 5 })).toMatchObject({
      items: [],
      next: undefined,
    });
  });
});
