import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TargetRoot } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import { createTargetFiles, nodeThreadDisk } from '../src/index.ts';
import { isRoot, runAsNobody } from './as-nobody.ts';
import { expectCode, textMatching } from './expect-code.ts';
import { useTree } from './tree-fixture.ts';

const tree = useTree();

function openRoot(): TargetRoot {
  return createTargetFiles().openRoot(tree.root);
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function contentOf(path: string): string {
  return readFileSync(join(tree.root, path), 'utf8');
}

describe('writing into a root', () => {
  test('makes files and the folders they need, in whatever order', () => {
    using root = openRoot();
    const paths = ['a/b/c/file', 'top', 'a/other', 'a/b/x', 'new\nline/back\\slash', 'a-/x', 'a/b/c/second'];
    for (const path of paths)
      root.writeFile(path, [bytes(path.slice(0, 3)), bytes(path.slice(3))], { replace: false });
    for (const path of paths) expect(contentOf(path)).toBe(path);
    root.writeFile('empty', [], { replace: false });
    expect(statSync(join(tree.root, 'empty')).size).toBe(0);
  });

  test('gives files the mode the system gives new files', () => {
    using root = openRoot();
    root.writeFile('small', [bytes('x')], { replace: false });
    using large = root.createFile('large', { replace: false });
    large.commit();
    writeFileSync(join(tree.root, 'plain'), '');
    const modes = ['small', 'large', 'plain'].map((name) => statSync(join(tree.root, name)).mode);
    expect(new Set(modes).size).toBe(1);
  });

  test('replaces a file by another, so that its other names keep what they have', () => {
    tree.make('file');
    linkSync(join(tree.root, 'file'), join(tree.root, 'second'));
    using root = openRoot();
    root.writeFile('file', [bytes('new')], { replace: true });
    expect(contentOf('file')).toBe('new');
    expect(contentOf('second')).toBe('file');
    expect(readdirSync(tree.root).toSorted()).toEqual(['file', 'second']);
  });

  test('replaces nothing when told so', async () => {
    tree.make('file');
    using root = openRoot();
    const error = await expectCode(
      () => root.writeFile('file', [bytes('new')], { replace: false }),
      'TARGET_CONFLICT',
    );
    expect(error.message).toContain(`${tree.root}/file`);
    await expectCode(() => root.createFile('file', { replace: false }), 'TARGET_CONFLICT');
    expect(contentOf('file')).toBe('file');
  });

  test('refuses links, folders and special files in the way, and touches nothing behind a link', async () => {
    tree.make('folder/inside', 'plain');
    mkdirSync(join(tree.top, 'outside'));
    writeFileSync(join(tree.top, 'outside/victim'), 'safe');
    symlinkSync('../outside', join(tree.root, 'link'));
    symlinkSync('../outside/victim', join(tree.root, 'file-link'));
    symlinkSync('../outside/new', join(tree.root, 'broken-link'));
    execFileSync('mknod', [join(tree.root, 'pipe'), 'p']);
    using root = openRoot();
    for (const replace of [true, false]) {
      for (const path of [
        'link/victim',
        'link/deep/new',
        'file-link',
        'broken-link',
        'pipe',
        'folder',
        'plain/below',
        'link',
      ]) {
        const small = await expectCode(
          () => root.writeFile(path, [bytes('bad')], { replace }),
          'TARGET_CONFLICT',
        );
        expect(small.message).toContain(path.startsWith('link/') ? `${tree.root}/link"` : tree.root);
        await expectCode(() => root.createFile(path, { replace }), 'TARGET_CONFLICT');
      }
    }
    expect(readdirSync(join(tree.top, 'outside'))).toEqual(['victim']);
    expect(readFileSync(join(tree.top, 'outside/victim'), 'utf8')).toBe('safe');
    expect(lstatSync(join(tree.root, 'file-link')).isSymbolicLink()).toBe(true);
  });

  test('refuses paths that lead outside', async () => {
    using root = openRoot();
    for (const path of ['../x', '/etc/x', 'a/../../x', '', 'a//b', 'C:\\x', 'a\\..\\x', 'a/\0']) {
      await expectCode(() => root.writeFile(path, [], { replace: true }), 'INVALID_PATH');
      await expectCode(() => root.createFile(path, { replace: true }), 'INVALID_PATH');
      await expectCode(() => root.openFile(path), 'INVALID_PATH');
    }
    expect(readdirSync(tree.top)).toEqual(['root']);
  });

  test('goes on when a folder it has made is removed', () => {
    using root = openRoot();
    root.writeFile('a/b/one', [], { replace: false });
    rmSync(join(tree.root, 'a'), { recursive: true });
    root.writeFile('a/b/two', [], { replace: false });
    expect(readdirSync(join(tree.root, 'a/b'))).toEqual(['two']);
  });

  test('looks again at a folder that was removed, and refuses the link in its place', async () => {
    using root = openRoot();
    root.writeFile('a/one', [], { replace: false });
    root.writeFile('b/one', [], { replace: false });
    rmSync(join(tree.root, 'a'), { recursive: true });
    symlinkSync('nowhere', join(tree.root, 'a'));
    await expectCode(() => root.writeFile('a/two', [], { replace: false }), 'TARGET_CONFLICT');
  });

  test('says when a name is too long', async () => {
    using root = openRoot();
    await expectCode(() => root.writeFile('n'.repeat(300), [], { replace: false }), 'INVALID_PATH');
  });
});

describe('a large file', () => {
  test('appears whole when it is committed', () => {
    using root = openRoot();
    using file = root.createFile('a/large', { replace: false });
    file.write(bytes('one '));
    file.write(bytes('two'));
    expect(existsSync(join(tree.root, 'a/large'))).toBe(false);
    expect(readdirSync(join(tree.root, 'a'))).toEqual([textMatching(/^\.waybill-part-[0-9a-f]{20}$/)]);
    file.commit();
    expect(contentOf('a/large')).toBe('one two');
    expect(readdirSync(join(tree.root, 'a'))).toEqual(['large']);
  });

  test('is gone when it is not, and when its root is disposed', () => {
    tree.make('old');
    {
      using root = openRoot();
      {
        using file = root.createFile('one', { replace: false });
        file.write(bytes('x'));
      }
      expect(readdirSync(tree.root)).toEqual(['old']);
      root.createFile('old', { replace: true }).write(bytes('x'));
      expect(readdirSync(tree.root)).toHaveLength(2);
    }
    expect(readdirSync(tree.root)).toEqual(['old']);
    expect(contentOf('old')).toBe('old');
  });

  test('is not put in the place of what has come meanwhile', async () => {
    using root = openRoot();
    using file = root.createFile('name', { replace: false });
    writeFileSync(join(tree.root, 'name'), 'other');
    await expectCode(() => file.commit(), 'TARGET_CONFLICT');
    expect(contentOf('name')).toBe('other');
  });
});

describe('opening for reading', () => {
  test('follows no link', () => {
    tree.make('a/file', 'folder/');
    symlinkSync('a', join(tree.root, 'link'));
    symlinkSync('a/file', join(tree.root, 'file-link'));
    execFileSync('mknod', [join(tree.root, 'pipe'), 'p']);
    using root = openRoot();
    const kinds = [
      'a/file',
      'nothing',
      'a/file/below',
      'no/such',
      'link/file',
      'file-link',
      'folder',
      'pipe',
      'link',
    ].map((path) => {
      const found = root.openFile(path);
      if (found.kind !== 'file') return found.kind;
      using file = found.file;
      const target = new Uint8Array(10);
      expect(Buffer.from(target.subarray(0, file.read(target))).toString()).toBe(path);
      return found.kind;
    });
    expect(kinds).toEqual([
      'file',
      'missing',
      'missing',
      'missing',
      'through-link',
      'not-a-file',
      'not-a-file',
      'not-a-file',
      'not-a-file',
    ]);
  });
});

describe('errors of the disk', () => {
  test('leave nothing half written behind', async () => {
    const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
    const disk = {
      ...nodeThreadDisk,
      write: () => {
        throw full;
      },
    };
    using root = createTargetFiles({ disk }).openRoot(tree.root);
    tree.make('old');
    const error = await expectCode(() => root.writeFile('new', [bytes('x')], { replace: true }), 'NO_SPACE');
    expect(error.cause).toBe(full);
    expect(error.message).toContain(`${tree.root}/new`);
    await expectCode(() => root.writeFile('old', [bytes('x')], { replace: true }), 'NO_SPACE');
    expect(readdirSync(tree.root)).toEqual(['old']);
    expect(contentOf('old')).toBe('old');
  });

  test('come behind fault points', () => {
    const reached: string[] = [];
    const faults = { reach: (name: string) => void reached.push(name) };
    tree.make('old');
    using root = createTargetFiles({ faults }).openRoot(tree.root);
    root.writeFile('a/new', [bytes('x')], { replace: true });
    root.writeFile('old', [bytes('x')], { replace: true });
    expect(reached).toEqual([
      'target.make-folder',
      'target.create',
      'target.write',
      'target.create',
      'target.create',
      'target.write',
      'target.rename',
    ]);
  });

  test('of permission name the path', async (context) => {
    if (!isRoot) return context.skip('NOT ROOT: permission tests run as another user');
    tree.make('file', 'folder/secret');
    execFileSync('chmod', ['755', tree.top]);
    execFileSync('chmod', ['600', join(tree.root, 'folder/secret')]);
    const answer = await runAsNobody(
      `import { createTargetFiles, createTargetTree } from '@waybill/store-fs';
      const root = createTargetFiles().openRoot(argument);
      const code = async (call) => { try { await call(); return 'ok'; } catch (error) { return error.code + ' ' + error.message; } };
      console.log(JSON.stringify([
        await code(() => root.writeFile('new', [], { replace: true })),
        await code(() => root.writeFile('sub/new', [], { replace: true })),
        await code(() => root.writeFile('file', [], { replace: true })),
        await code(() => root.openFile('folder/secret')),
        await code(() => createTargetTree().prepare(argument + '/made')),
        await code(() => createTargetTree().removeFiles(argument, new TextEncoder().encode('file'))),
      ]));`,
      tree.root,
    );
    const codes = (answer as string[]).map((text) => text.split(' ')[0]);
    expect(codes).toEqual(Array(6).fill('PERMISSION'));
  });
});
