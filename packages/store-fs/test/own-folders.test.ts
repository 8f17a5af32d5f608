import { mkdirSync, symlinkSync } from 'node:fs';
import { decodeNames, type NewNotice } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import { createLocalSource } from '../src/index.ts';
import { expectCode, textMatching } from './expect-code.ts';
import { useTree } from './tree-fixture.ts';
import { runHere, sourceOf } from './walk-names.ts';

const tree = useTree();

function sourceWithOwn(...ownFolders: readonly string[]): ReturnType<typeof createLocalSource> {
  return createLocalSource({ run: runHere, scratchFolder: `${tree.root}.scratch`, ownFolders });
}

async function walk(own: readonly string[], exclude: readonly string[] = []) {
  const names: string[] = [];
  const notices: NewNotice[] = [];
  const options = { include: [], exclude, followLinks: true };
  for await (const chunk of sourceWithOwn(...own).walk(sourceOf(tree.root), options)) {
    if (chunk.count > 0) names.push(...decodeNames(chunk.names));
    notices.push(...chunk.notices);
  }
  return { names, notices };
}

describe("Waybill's own folders", () => {
  test('are left out of a walk wherever it meets them, through links too', async () => {
    tree.make('a/x', 'b/home/catalog.db', 'b/home/store/packs/1', 'z');
    symlinkSync('b/home', `${tree.root}/link`);
    symlinkSync('b/home/store', `${tree.root}/store-link`);
    const own = [`${tree.root}/b/home`, `${tree.root}/b/home/store`];
    const { names, notices } = await walk(own);
    expect(names).toEqual(['a/x', 'z']);
    expect(notices).toMatchObject(
      ['b/home', 'link', 'store-link'].map((path) => ({
        severity: 'left-out',
        reason: 'own-store',
        path: `${tree.root}/${path}`,
        message: textMatching(/is left out: .*home or its store/),
      })),
    );
  });

  test('that the rules drop are not worth a word, and those that are elsewhere or gone change nothing', async () => {
    tree.make('b/home/catalog.db', 'z');
    mkdirSync(`${tree.top}/elsewhere`);
    const own = [`${tree.root}/b/home`, `${tree.top}/elsewhere`, `${tree.top}/gone`];
    expect(await walk(own, ['b/'])).toEqual({ names: ['z'], notices: [] });
    expect((await walk(own.slice(1))).names).toEqual(['b/home/catalog.db', 'z']);
  });

  test('and what lies in them are refused as sources', async () => {
    tree.make('home/store/packs/1', 'home-not/x');
    symlinkSync('home/store', `${tree.root}/link`);
    const source = sourceWithOwn(`${tree.root}/home`, `${tree.top}/gone`);
    const resolve = (given: string) => source.resolve(given, { into: '', workingFolder: tree.root });
    for (const given of ['home', 'home/store', 'link', 'home/store/packs/1', `file://${tree.root}/home`]) {
      const error = await expectCode(() => resolve(given), 'INVALID_ARGUMENT');
      expect(error.message).toContain(`lies in "${tree.root}/home"`);
      expect(error.message).toContain('WAYBILL_HOME');
    }
    expect(await resolve('home-not')).toMatchObject({ kind: 'directory' });
    expect(await resolve('.')).toMatchObject({ kind: 'directory' });
  });
});
