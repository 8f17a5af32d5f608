import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectCode } from './expect-code.ts';
import { useTree } from './tree-fixture.ts';
import { localSource, walkNames } from './walk-names.ts';

const tree = useTree();

describe('sources', () => {
  const resolve = (given: string, into = '') =>
    localSource({ root: tree.root }).resolve(given, { into, workingFolder: tree.root });

  test('are folders and files, relative to the working folder', async () => {
    tree.make('data/x', 'file.txt');
    symlinkSync('data', `${tree.root}/link`);
    symlinkSync('data/x', `${tree.root}/data/link-file`);
    expect(await resolve('data')).toEqual({
      kind: 'directory',
      mode: 'store',
      given: 'data',
      path: `${tree.root}/data`,
      into: '',
    });
    expect(await resolve('./link/')).toMatchObject({
      kind: 'directory',
      path: `${tree.root}/data`,
      given: './link/',
    });
    expect(await resolve('link/x', './a//b/')).toMatchObject({
      kind: 'file',
      path: `${tree.root}/data/x`,
      into: 'a/b',
    });
    expect(await resolve('.', '.')).toMatchObject({ kind: 'directory', path: tree.root, into: '' });
    expect(await resolve(`${tree.root}/file.txt`)).toMatchObject({
      kind: 'file',
      path: `${tree.root}/file.txt`,
    });
  });

  test('as file URLs are references', async () => {
    tree.make('a b#c/x');
    expect(await resolve(`file://${tree.root}/a%20b%23c`)).toMatchObject({
      mode: 'reference',
      path: `${tree.root}/a b#c`,
    });
    expect(await resolve(`FILE://localhost${tree.root}/a b%23c/x`)).toMatchObject({
      mode: 'reference',
      kind: 'file',
    });
    for (const url of [
      'file://host/x',
      'file://./x',
      `file://${tree.root}/a#b`,
      `file://${tree.root}?x`,
      'file:///a%00',
      'file:///%ff%2f',
    ]) {
      const error = await expectCode(() => resolve(url), 'INVALID_ARGUMENT');
      expect(error.message).toContain(url);
    }
    await expectCode(() => resolve('file:///no/such/thing'), 'SOURCE_NOT_FOUND');
    await expectCode(() => resolve('s3://bucket/x'), 'UNSUPPORTED');
  });

  test('that are missing, special or nonsense are refused', async () => {
    tree.make('file', 'data/x');
    const missing = await expectCode(() => resolve('nothing/here'), 'SOURCE_NOT_FOUND');
    expect(missing.message).toContain(`${tree.root}/nothing/here`);
    await expectCode(() => resolve('file/below'), 'SOURCE_NOT_FOUND');
    execFileSync('mknod', [`${tree.root}/pipe`, 'p']);
    await expectCode(() => resolve('pipe'), 'INVALID_ARGUMENT');
    await expectCode(() => resolve(''), 'INVALID_ARGUMENT');
    await expectCode(() => resolve('a\0b'), 'INVALID_ARGUMENT');
    await expectCode(() => resolve('data', '../up'), 'INVALID_PATH');
    await expectCode(() => resolve('data', '/top'), 'INVALID_PATH');
  });

  test('that are one file are walked as their one name', async () => {
    tree.make('folder/file.txt', 'folder/other', 'folder/.waybillignore');
    writeFileSync(`${tree.root}/folder/.waybillignore`, '*');
    const source = { kind: 'file', path: `${tree.root}/folder/file.txt` } as const;
    expect(await walkNames({ root: tree.root, source })).toEqual({ names: ['file.txt'], notices: [] });
    expect((await walkNames({ root: tree.root, source, exclude: ['*.txt'] })).names).toEqual([]);
    rmSync(`${tree.root}/folder/file.txt`);
    const { names, notices } = await walkNames({ root: tree.root, source });
    expect(names).toEqual([]);
    expect(notices).toMatchObject([
      { severity: 'failed', reason: 'vanished', path: `${tree.root}/folder/file.txt` },
    ]);
  });
});
