import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { walkInThread } from '../src/index.ts';
import { expectCode } from './expect-code.ts';
import {
  limitsArbitrary,
  naiveWalk,
  nameArbitrary,
  plant,
  sortedByBytes,
  treeArbitrary,
  useTree,
} from './tree-fixture.ts';
import { localSource, runHere, sourceOf, walkNames } from './walk-names.ts';

const tree = useTree();

const SMALL = { walkNames: 3, batchEntries: 2, sortRunNames: 2 };

describe('a walk', () => {
  test('yields every file, hidden and empty ones too, in byte order, and no empty folder', async () => {
    tree.make('b/x', 'b-c', 'b.d', 'b0', 'a', '.hidden', '.git/config', 'empty/', 'deep/er/e/', 'deep/er/f');
    writeFileSync(`${tree.root}/zero`, '');
    const { names, notices } = await walkNames({ root: tree.root });
    expect(names).toEqual(['.git/config', '.hidden', 'a', 'b-c', 'b.d', 'b/x', 'b0', 'deep/er/f', 'zero']);
    expect(notices).toEqual([]);
  });

  test('yields nothing for an empty folder', async () => {
    expect(await walkNames({ root: tree.root })).toEqual({ names: [], notices: [] });
  });

  test('finds what find finds in a real tree', async () => {
    const tree = join(import.meta.dirname, '../../../node_modules');
    const found = execFileSync(
      'find',
      [tree, '-not', '-type', 'd', '-not', '-type', 'l', '-printf', '%P\\0'],
      {
        maxBuffer: 1e8,
      },
    );
    const expected = sortedByBytes(found.toString().split('\0').slice(0, -1));
    const { names } = await walkNames({
      root: tree,
      followLinks: false,
      exclude: ['@waybill/**', '.bin/**', '**/.bin/**'],
    });
    expect(expected.length).toBeGreaterThan(1_000);
    // node_modules itself holds links into this repository, which a walk reads as files where they are files.
    expect(names.filter((name) => !name.startsWith('.vite'))).toEqual(
      expected.filter((name) => !/(?:^|\/)\.bin\//.test(name) && !name.startsWith('.vite')),
    );
  });

  test('keeps its order and its chunks small in whatever pieces the tree comes', async () => {
    await fc.assert(
      fc.asyncProperty(treeArbitrary, limitsArbitrary, async (planted, limits) => {
        rmSync(tree.root, { recursive: true });
        plant(tree.root, planted);
        const { names } = await walkNames({ root: tree.root, limits });
        expect(names).toEqual(naiveWalk(tree.root));
        expect(existsSync(`${tree.root}.scratch`) ? readdirSync(`${tree.root}.scratch`) : []).toEqual([]);
      }),
      { numRuns: 100, verbose: 1 },
    );
  }, 60_000);

  test('follows links as a naive walk does', async () => {
    const linksArbitrary = fc.array(
      fc.record({ folder: fc.nat(9), name: nameArbitrary, target: fc.nat(19), absolute: fc.boolean() }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(treeArbitrary, linksArbitrary, limitsArbitrary, async (planted, links, limits) => {
        rmSync(tree.root, { recursive: true });
        plant(tree.root, planted);
        const places = readdirSync(tree.root, { recursive: true }).map((path) =>
          join(tree.root, String(path)),
        );
        const folders = [tree.root, ...places.filter((path) => statSync(path).isDirectory())];
        for (const link of links) {
          const folder = folders[link.folder % folders.length] ?? tree.root;
          const target = places[link.target % Math.max(1, places.length)] ?? 'nothing';
          try {
            symlinkSync(target, join(folder, link.name));
          } catch {
            // The name is taken.
          }
        }
        const { names } = await walkNames({ root: tree.root, limits });
        expect(names).toEqual(naiveWalk(tree.root));
      }),
      { numRuns: 100, verbose: 1 },
    );
  }, 60_000);

  test('walks one folder of many files in runs sorted in scratch files', async () => {
    const count = 12_000;
    for (let file = 0; file < count; file++) writeFileSync(`${tree.root}/file-${(file * 7_919) % count}`, '');
    tree.make('file-/x', 'file-x/', 'g/y');
    const limits = { folderInodeBytes: 0, sortRunNames: 1_000, walkNames: 700 };
    const { names } = await walkNames({ root: tree.root, limits });
    expect(names).toEqual(naiveWalk(tree.root));
    expect(names).toHaveLength(count + 2);
  });

  test('splits what is left of a slice so that threads have something to do', async () => {
    for (let folder = 0; folder < 40; folder++)
      tree.make(`d${folder}/one`, `d${folder}/two`, `d${folder}/three`);
    let running = 0;
    let most = 0;
    const run = async (input: Parameters<typeof runHere>[0]) => {
      running++;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      const output = await runHere(input, {});
      running--;
      return output;
    };
    const { names } = await walkNames({ root: tree.root, run, limits: SMALL });
    expect(names).toEqual(naiveWalk(tree.root));
    expect(most).toBeGreaterThan(3);
    expect(most).toBeLessThanOrEqual(16);
  });

  test('waits for a slow consumer', async () => {
    for (let folder = 0; folder < 60; folder++)
      for (let file = 0; file < 20; file++) tree.make(`d${folder}/f${file}`);
    let found = 0;
    const run = async (input: Parameters<typeof runHere>[0]) => {
      const output = await runHere(input, {});
      const { chunks } = output as unknown as { chunks: { count: number }[] };
      for (const { count } of chunks) found += count;
      return output;
    };
    const limits = { walkNames: 10, batchEntries: 10 };
    const options = { include: [], exclude: [], followLinks: true };
    let taken = 0;
    let farthest = 0;
    for await (const { count } of localSource({ root: tree.root, run, limits }).walk(
      sourceOf(tree.root),
      options,
    )) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      taken += count;
      farthest = Math.max(farthest, found - taken);
    }
    expect(taken).toBe(1_200);
    expect(farthest).toBeLessThan(400);
  });

  test('may be left in the middle and cancelled, and leaves no scratch', async () => {
    for (let file = 0; file < 50; file++) tree.make(`f${file}`);
    const limits = { ...SMALL, folderInodeBytes: 0 };
    const options = { include: [], exclude: [], followLinks: true };
    for await (const chunk of localSource({ root: tree.root, limits }).walk(sourceOf(tree.root), options)) {
      expect(chunk.count).toBeGreaterThan(0);
      break;
    }
    expect(readdirSync(tree.top)).toEqual(['root', 'root.scratch']);
    expect(readdirSync(`${tree.root}.scratch`)).toEqual([]);
    const controller = new AbortController();
    const walk = localSource({ root: tree.root, limits }).walk(sourceOf(tree.root), {
      ...options,
      signal: controller.signal,
    });
    await expectCode(async () => {
      for await (const chunk of walk) if (chunk.count > 0) controller.abort();
    }, 'CANCELLED');
    expect(readdirSync(`${tree.root}.scratch`)).toEqual([]);
  });

  test('throws what a task throws, after what lies before it', async () => {
    tree.make('a/1', 'b/1', 'c/1');
    const problem = new Error('the thread died');
    const run = async (input: Parameters<typeof runHere>[0]) => {
      const text = JSON.stringify(input);
      if (text.includes('"walkNames":1,') && /"kind":"keys"/.test(text)) throw problem;
      return runHere(input, {});
    };
    await expect(walkNames({ root: tree.root, run, limits: { walkNames: 1, batchEntries: 1 } })).rejects.toBe(
      problem,
    );
  });
});

test('a walk task refuses what is none', async () => {
  await expectCode(() => walkInThread({ root: '/' }), 'INTERNAL');
});
