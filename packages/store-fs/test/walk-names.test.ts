import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sortedByBytes, useTree } from './tree-fixture.ts';
import { walkNames } from './walk-names.ts';

const tree = useTree();

describe('names', () => {
  test('that are no UTF-8 fail with the name escaped; U+FFFD itself is a name', async () => {
    tree.make('ok\ufffd', 'sub/ok\ufffd/x');
    for (const name of ['caf\\xe9', 'bad\\xff\\x0a', 'folder\\xfe/x', 'sub/\\xc3(']) plantBytes(name);
    symlinkSync('ok\ufffd', `${tree.root}/link\ufffd`);
    for (const limits of [{}, { folderInodeBytes: 0 }]) {
      const { names, notices } = await walkNames({ root: tree.root, limits });
      expect(names).toEqual(['link\ufffd', 'ok\ufffd', 'sub/ok\ufffd/x']);
      const found = notices.map(({ severity, reason, path }) => `${severity} ${reason} ${path}`);
      expect(sortedByBytes(found)).toEqual(
        ['bad\\xff\\x0a', 'caf\\xe9', 'folder\\xfe', 'sub/\\xc3('].map(
          (name) => `failed invalid-utf8 ${tree.root}/${name}`,
        ),
      );
      expect(notices.find(({ path }) => path.endsWith('xe9'))?.message).toContain(`"${tree.root}/caf\\xe9"`);
    }
  });

  test('that no entry path can hold fail', async () => {
    tree.make('C:stuff', '\\\\server', 'ok/C:fine', 'a\\..\\b', 'sub/..\\up', 'fine\\name', 'fine..');
    const { names, notices } = await walkNames({ root: tree.root });
    expect(names).toEqual(['fine..', 'fine\\name', 'ok/C:fine']);
    expect(notices.map(({ path }) => path.slice(tree.root.length + 1)).toSorted()).toEqual([
      'C:stuff',
      '\\\\server',
      'a\\..\\b',
      'sub/..\\up',
    ]);
    expect(notices.every(({ severity, reason }) => severity === 'failed' && reason === 'invalid-path')).toBe(
      true,
    );
    const inside = await walkNames({ root: tree.root, source: { into: 'data' } });
    expect(inside.names).toContain('C:stuff');
  });

  test('of folders that lie too deep fail', async () => {
    tree.make('1/2/3/x', '1/2/3/4/y', '1/2/z');
    const { names, notices } = await walkNames({ root: tree.root, limits: { walkDepth: 3 } });
    expect(names).toEqual(['1/2/3/x', '1/2/z']);
    expect(notices).toMatchObject([{ severity: 'failed', reason: 'too-deep', path: `${tree.root}/1/2/3/4` }]);
  });

  test('of files in a folder beyond the longest path fail', async () => {
    let folder = tree.root;
    const name = 'n'.repeat(250);
    // The system takes no absolute path above 4095 bytes, but a folder can be made from inside.
    execFileSync('bash', [
      '-c',
      `cd "$0"; for i in $(seq 20); do mkdir "$1"; cd -P "./$1"; done; touch x`,
      folder,
      name,
    ]);
    const { names, notices } = await walkNames({ root: tree.root });
    expect(names).toEqual([]);
    expect(notices).toMatchObject([{ severity: 'failed', reason: 'path-too-long' }]);
    execFileSync('bash', ['-c', 'rm -rf "$0"', folder]);
    folder = '';
  });
});

/** Makes a file whose name has bytes written as `\xNN`. */
function plantBytes(path: string): void {
  const bytes = Buffer.from(
    `${tree.root}/${path}`.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  );
  const folder = bytes.subarray(0, bytes.lastIndexOf('/'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(bytes, '');
}
