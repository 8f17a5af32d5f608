import { chmodSync, rmSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isRoot, runAsNobody } from './as-nobody.ts';
import { textMatching } from './expect-code.ts';
import { useTree } from './tree-fixture.ts';
import { runHere, walkNames } from './walk-names.ts';

const tree = useTree();

describe('folders that cannot be read', () => {
  test('are all named, and the walk goes on', async (context) => {
    if (!isRoot) return context.skip('NOT ROOT: permission tests run as another user');
    tree.make('a/x', 'b/x', 'closed1/x', 'closed2/x', 'secret');
    chmodSync(tree.top, 0o755);
    chmodSync(`${tree.root}/closed1`, 0o700);
    chmodSync(`${tree.root}/closed2`, 0o700);
    symlinkSync('closed1/x', `${tree.root}/link`);
    const answer = await runAsNobody(
      `import { walkInThread, createLocalSource } from '@waybill/store-fs';
      const source = createLocalSource({ run: async (input) => walkInThread(input), scratchFolder: '/nonexistent' });
      const names = []; const notices = [];
      for await (const chunk of source.walk({ kind: 'directory', mode: 'store', given: '', path: argument, into: '' }, { include: [], exclude: [], followLinks: true })) {
        names.push(...new TextDecoder().decode(chunk.names).split('\\0')); notices.push(...chunk.notices);
      }
      const code = async (path) => { try { await source.resolve(path, { into: '', workingFolder: '/' }); return 'ok'; } catch (error) { return error.code; } };
      console.log(JSON.stringify({ names, notices, codes: [await code(argument + '/closed1'), await code(argument + '/closed1/x'), await code(argument + '/a')] }));`,
      tree.root,
    );
    expect(answer).toMatchObject({
      names: ['a/x', 'b/x', 'secret'],
      notices: ['link', 'closed1', 'closed2'].map((name) => ({
        severity: 'failed',
        reason: 'unreadable',
        path: `${tree.root}/${name}`,
        message: textMatching(/permission denied/),
      })),
      codes: ['SOURCE_UNREADABLE', 'SOURCE_UNREADABLE', 'ok'],
    });
  });

  test('because they vanished are named', async () => {
    tree.make('a/x', 'b/x', 'c/x');
    let tasks = 0;
    const run = async (input: Parameters<typeof runHere>[0]) => {
      if (++tasks === 2) rmSync(`${tree.root}/b`, { recursive: true });
      return runHere(input, {});
    };
    const { names, notices } = await walkNames({ root: tree.root, run, limits: { walkNames: 1 } });
    expect(names).toEqual(['a/x', 'c/x']);
    expect(notices).toMatchObject([{ severity: 'failed', reason: 'vanished', path: `${tree.root}/b` }]);
  });

  test('even the root itself', async () => {
    rmSync(tree.root, { recursive: true });
    const { names, notices } = await walkNames({ root: tree.root });
    expect(names).toEqual([]);
    expect(notices).toMatchObject([{ severity: 'failed', reason: 'vanished', path: tree.root }]);
  });
});
