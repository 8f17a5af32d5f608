import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectCode } from './expect-code.ts';
import { sortedByBytes, useTree } from './tree-fixture.ts';
import { walkNames } from './walk-names.ts';

const tree = useTree();

const SMALL = { walkNames: 3, batchEntries: 2, sortRunNames: 2 };

describe('rules', () => {
  test('include and exclude match paths from the root on; excluded folders are not entered', async () => {
    tree.make('a.txt', 'b.png', 'sub/c.txt', 'sub/d.png', 'skip/e.txt', '.dot.txt', 'new\nline.txt');
    const text = await walkNames({ root: tree.root, include: ['**/*.txt'], exclude: ['skip'] });
    expect(text.names).toEqual(['.dot.txt', 'a.txt', 'new\nline.txt', 'sub/c.txt']);
    const top = await walkNames({ root: tree.root, include: ['*.{txt,png}'] });
    expect(top.names).toEqual(['.dot.txt', 'a.txt', 'b.png', 'new\nline.txt']);
    const rest = await walkNames({ root: tree.root, exclude: ['sub/**', '*.png'] });
    expect(rest.names).toEqual(['.dot.txt', 'a.txt', 'new\nline.txt', 'skip/e.txt']);
  });

  test('excluded folders are not read and excluded links are not noticed', async () => {
    tree.make('keep');
    symlinkSync('nothing', `${tree.root}/broken`);
    symlinkSync('nothing', `${tree.root}/other`);
    const { notices } = await walkNames({ root: tree.root, exclude: ['broken'] });
    expect(notices.map(({ path }) => path)).toEqual([`${tree.root}/other`]);
  });

  test('a pattern that cannot be used fails before the walk', async () => {
    await expectCode(() => walkNames({ root: tree.root, exclude: ['[a'] }), 'INVALID_GLOB');
  });

  test('.waybillignore works as .gitignore does', async () => {
    execFileSync('git', ['init', '-q', tree.root]);
    tree.make(
      'a.log',
      'keep.log',
      'build/out',
      'sub/build/out',
      'sub/a.log',
      'sub/deep/b.tmp',
      'sub/deep/important.tmp',
      'sub/only-here',
      'only-here',
      'Case.LOG',
      'trailing ',
      'doc/a/x.md',
      'doc/x.md',
      '#hash',
      '!bang',
      'sub/build/x.log',
      'vendor/a/keep',
      'vendor/b',
      'we[i]rd/inner',
      'we[i]rd/other',
    );
    const files: Record<string, string> = {
      '': '*.log\n!keep.log\n/build/\nbuild\n# comment\n\ntrailing\\ \ndoc/*.md\n\\#hash\n\\!bang\nvendor/*\n!vendor/a\n',
      'sub/': '!build\n/only-here\n*.tmp\r\n',
      'sub/deep/': '!important.tmp\n',
      'we[i]rd/': '/inner\n',
    };
    for (const [folder, text] of Object.entries(files)) {
      writeFileSync(`${tree.root}/${folder}.gitignore`, text);
      writeFileSync(`${tree.root}/${folder}.waybillignore`, text);
    }
    const listed = execFileSync('git', ['-C', tree.root, 'ls-files', '-z', '--others', '--exclude-standard']);
    const expected = sortedByBytes(listed.toString().split('\0').slice(0, -1));
    expect(expected).toContain('sub/build/out');
    for (const limits of [{}, SMALL, { ...SMALL, folderInodeBytes: 0 }]) {
      const { names } = await walkNames({ root: tree.root, exclude: ['.git'], limits });
      expect(names).toEqual(expected);
    }
  });

  test('a .waybillignore can ignore itself, be a link, and be too large', async () => {
    tree.make('a', 'b');
    writeFileSync(join(tree.top, 'rules'), '.waybillignore\na\n');
    symlinkSync('../rules', `${tree.root}/.waybillignore`);
    expect((await walkNames({ root: tree.root })).names).toEqual(['b']);
    writeFileSync(join(tree.top, 'rules'), 'a\n'.repeat(600_000));
    const { notices } = await walkNames({ root: tree.root });
    expect(notices).toMatchObject([{ severity: 'failed', reason: 'ignore-file' }]);
  });
});
