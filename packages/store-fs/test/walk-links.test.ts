import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isRoot } from './as-nobody.ts';
import { textMatching } from './expect-code.ts';
import { useTree } from './tree-fixture.ts';
import { walkNames } from './walk-names.ts';

const tree = useTree();

describe('links and special files', () => {
  test('files behind links are files, folders behind links are followed, in the order of the target kind', async () => {
    tree.make('real/x', 'z');
    symlinkSync('real', `${tree.root}/a`);
    symlinkSync('z', `${tree.root}/a-file`);
    symlinkSync(`${tree.root}/real/x`, `${tree.root}/b`);
    tree.make('a0');
    const { names, notices } = await walkNames({ root: tree.root });
    // `a` is a folder: it sorts as `a/`, behind `a-file`.
    expect(names).toEqual(['a-file', 'a/x', 'a0', 'b', 'real/x', 'z']);
    expect(notices).toEqual([]);
  });

  test('links to folders can be left out, and always are for references', async () => {
    tree.make('real/x');
    symlinkSync('real', `${tree.root}/a`);
    for (const walk of [{ followLinks: false }, { source: { mode: 'reference' as const } }]) {
      const { names, notices } = await walkNames({ root: tree.root, ...walk });
      expect(names).toEqual(['real/x']);
      expect(notices).toEqual([
        {
          severity: 'left-out',
          reason: 'folder-link',
          path: `${tree.root}/a`,
          message: textMatching(/\/a" is left out/),
        },
      ]);
    }
  });

  test('links that lead nowhere or round in circles, sockets, pipes and devices are left out and named', async () => {
    tree.make('sub/file', 'keep');
    symlinkSync('nothing', `${tree.root}/broken`);
    symlinkSync('self', `${tree.root}/self`);
    symlinkSync('keep/below', `${tree.root}/below-file`);
    symlinkSync('..', `${tree.root}/sub/parent`);
    symlinkSync('.', `${tree.root}/sub/here`);
    symlinkSync(tree.root, `${tree.root}/sub/top`);
    symlinkSync('../..', `${tree.root}/sub/above-root`);
    symlinkSync('/', `${tree.root}/sub/slash`);
    execFileSync('mknod', [`${tree.root}/pipe`, 'p']);
    symlinkSync('pipe', `${tree.root}/to-pipe`);
    const server = createServer().listen(`${tree.root}/socket`);
    await new Promise((resolve) => server.once('listening', resolve));
    if (isRoot) execFileSync('mknod', [`${tree.root}/device`, 'c', '1', '3']);
    const { names, notices } = await walkNames({ root: tree.root });
    server.close();
    expect(names).toEqual(['keep', 'sub/file']);
    const reasons = Object.fromEntries(
      notices.map(({ path, reason }) => [path.slice(tree.root.length + 1), reason]),
    );
    expect(reasons).toEqual({
      broken: 'broken-link',
      self: 'broken-link',
      'below-file': 'broken-link',
      'sub/parent': 'link-to-ancestor',
      'sub/here': 'link-to-ancestor',
      'sub/top': 'link-to-ancestor',
      'sub/above-root': 'link-to-ancestor',
      'sub/slash': 'link-to-ancestor',
      pipe: 'fifo',
      'to-pipe': 'fifo',
      socket: 'socket',
      ...(isRoot ? { device: 'device' } : {}),
    });
    expect(notices.every(({ severity }) => severity === 'left-out')).toBe(true);
  });

  test('a circle through links outside ends', async () => {
    tree.make('a/one', 'b/two');
    symlinkSync('../b', `${tree.root}/a/to-b`);
    symlinkSync('../a', `${tree.root}/b/to-a`);
    mkdirSync(join(tree.top, 'outside'));
    writeFileSync(join(tree.top, 'outside/three'), '');
    symlinkSync('.', join(tree.top, 'outside/loop'));
    symlinkSync('../outside', `${tree.root}/out`);
    const { names, notices } = await walkNames({ root: tree.root });
    expect(names).toEqual(['a/one', 'a/to-b/two', 'b/to-a/one', 'b/two', 'out/three']);
    expect(notices.map(({ reason }) => reason)).toEqual(Array(3).fill('link-to-ancestor'));
  });

  test('what the file system does not tell the kind of is looked at', async () => {
    const { kindOf } = await import('../src/folder-items.ts');
    tree.make('file', 'folder/');
    symlinkSync('x', `${tree.root}/link`);
    const no = (): boolean => false;
    const unknown = {
      isFile: no,
      isDirectory: no,
      isSymbolicLink: no,
      isSocket: no,
      isFIFO: no,
      isCharacterDevice: no,
      isBlockDevice: no,
    };
    const kinds = ['file', 'folder', 'link', 'gone'].map((name) => kindOf(unknown, `${tree.root}/${name}`));
    expect(kinds).toEqual(['file', 'folder', 'link', undefined]);
  });
});
