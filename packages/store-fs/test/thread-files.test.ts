import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDraftWriter, createSourceFiles, createThreadStore, nodeThreadDisk } from '../src/index.ts';
import { withoutFirstBytes } from '../src/thread-disk.ts';
import { isRoot, runAsNobody } from './as-nobody.ts';
import { expectCode, textMatching } from './expect-code.ts';
import { useTree } from './tree-fixture.ts';

const tree = useTree();

/** The four numbers of a signature. */
function numbersOf(signature: Uint8Array): bigint[] {
  expect(signature).toHaveLength(32);
  const view = new DataView(signature.buffer, signature.byteOffset, signature.byteLength);
  return [0, 8, 16, 24].map((at) => view.getBigUint64(at, true));
}

describe('source files', () => {
  const files = createSourceFiles();

  test('say kind, size and times of what is behind links', () => {
    tree.make('file', 'folder/');
    symlinkSync('file', `${tree.root}/link`);
    symlinkSync('nothing', `${tree.root}/broken`);
    const [inode, size, modified, changed] = execFileSync('stat', [
      '-c',
      '%i %s %.9Y %.9Z',
      `${tree.root}/file`,
    ])
      .toString()
      .trim()
      .replaceAll('.', '')
      .split(' ')
      .map(BigInt);
    for (const name of ['file', 'link']) {
      const stat = files.stat(`${tree.root}/${name}`);
      expect(stat).toMatchObject({ kind: 'file', sizeBytes: 4 });
      expect(numbersOf(stat?.signature ?? new Uint8Array())).toEqual([inode, size, modified, changed]);
      expect(stat?.changedAtMs).toBeCloseTo(Number(changed) / 1e6, 2);
    }
    expect(files.stat(`${tree.root}/folder`)?.kind).toBe('folder');
    expect(files.stat('/dev/null')?.kind).toBe('other');
    for (const name of ['broken', 'nothing', 'file/below'])
      expect(files.stat(`${tree.root}/${name}`)).toBeUndefined();
  });

  test('give every file a signature of its own that stays', () => {
    const stats = Array.from({ length: 600 }, (_, index) => {
      tree.make(`f${index}`);
      return files.stat(`${tree.root}/f${index}`);
    });
    const again = stats.map((_, index) => files.stat(`${tree.root}/f${index}`));
    const hex = (stat: (typeof stats)[number]) => stat?.signature.toHex();
    expect(new Set(stats.map(hex)).size).toBe(600);
    expect(again.map(hex)).toEqual(stats.map(hex));
  });

  test('change their signature with the times put back after an edit, and with another inode', () => {
    tree.make('file', 'other');
    const path = `${tree.root}/file`;
    const before = files.stat(path);
    utimesSync(path, 1, 1);
    const old = files.stat(path);
    writeFileSync(path, 'FILE');
    utimesSync(path, 1, 1);
    const edited = files.stat(path);
    expect(numbersOf(edited?.signature ?? new Uint8Array())[2]).toBe(1_000_000_000n);
    expect(edited?.signature).not.toEqual(old?.signature);
    expect(edited?.changedAtMs).toBeGreaterThan(before?.changedAtMs ?? 0);
    renameSync(`${tree.root}/other`, path);
    expect(numbersOf(files.stat(path)?.signature ?? new Uint8Array())[0]).not.toBe(
      numbersOf(edited?.signature ?? new Uint8Array())[0],
    );
  });

  test('are read on and on to their end', () => {
    tree.make('file');
    writeFileSync(`${tree.root}/file`, 'abcdefgh');
    using file = files.open(`${tree.root}/file`);
    expect(file.stat()).toEqual(files.stat(`${tree.root}/file`));
    const target = new Uint8Array(5);
    expect([file.read(target), file.read(target), file.read(target)]).toEqual([5, 3, 0]);
    expect(Buffer.from(target).toString()).toBe('fghde');
  });

  test('that vanish or are something else are called changed; a pipe does not hold up the thread', async () => {
    tree.make('folder/', 'file');
    const gone = await expectCode(() => files.open(`${tree.root}/nothing`), 'SOURCE_CHANGED');
    expect(gone.message).toContain(`${tree.root}/nothing`);
    await expectCode(() => files.open(`${tree.root}/file/below`), 'SOURCE_CHANGED');
    using folder = files.open(`${tree.root}/folder`);
    await expectCode(() => folder.read(new Uint8Array(1)), 'SOURCE_CHANGED');
    execFileSync('mknod', [`${tree.root}/pipe`, 'p']);
    using pipe = files.open(`${tree.root}/pipe`);
    expect(pipe.stat().kind).toBe('other');
  });

  test('that may not be read are called unreadable', async (context) => {
    if (!isRoot) return context.skip('NOT ROOT: permission tests run as another user');
    tree.make('secret', 'closed/file');
    execFileSync('chmod', ['755', tree.top]);
    execFileSync('chmod', ['700', `${tree.root}/secret`, `${tree.root}/closed`]);
    const answer = await runAsNobody(
      `import { createSourceFiles } from '@waybill/store-fs';
      const files = createSourceFiles();
      const code = (call) => { try { call(); return 'ok'; } catch (error) { return error.code + ' ' + error.message; } };
      console.log(JSON.stringify([
        code(() => files.stat(argument + '/secret')), code(() => files.open(argument + '/secret')),
        code(() => files.stat(argument + '/closed/file')), code(() => files.open(argument + '/closed/file')),
      ]));`,
      tree.root,
    );
    expect(answer).toEqual([
      'ok',
      textMatching(/^SOURCE_UNREADABLE cannot read .*secret": permission denied; check/),
      textMatching(/^SOURCE_UNREADABLE/),
      textMatching(/^SOURCE_UNREADABLE/),
    ]);
  });

  test('are closed', () => {
    tree.make('file');
    const openNow = () => readdirSync('/proc/self/fd').length;
    const before = openNow();
    for (let round = 0; round < 50; round++) {
      using file = files.open(`${tree.root}/file`);
      expect(file.read(new Uint8Array(4))).toBe(4);
    }
    expect(openNow()).toBe(before);
  });
});

describe('draft writer', () => {
  test('writes chunks one behind the other from a position on', () => {
    tree.make('draft');
    writeFileSync(`${tree.root}/draft`, '');
    const drafts = createDraftWriter();
    const chunks = Array.from({ length: 2_500 }, (_, index) => new TextEncoder().encode(`${index},`));
    drafts.write(`${tree.root}/draft`, 7, chunks);
    drafts.write(`${tree.root}/draft`, 0, [new TextEncoder().encode('head:')]);
    drafts.write(`${tree.root}/draft`, 5, []);
    const expected = Buffer.concat([Buffer.from('head:\0\0'), ...chunks]);
    expect(readFileSync(`${tree.root}/draft`).equals(expected)).toBe(true);
  });

  test('finishes what the system writes only in part', () => {
    const chunks = ['one', '', 'twotwo', 'three', ''].map((text) => new TextEncoder().encode(text));
    const text = Buffer.concat(chunks).toString();
    for (let bytes = 0; bytes <= text.length; bytes++) {
      expect(Buffer.concat(withoutFirstBytes(chunks, bytes)).toString()).toBe(text.slice(bytes));
    }
    expect(withoutFirstBytes(chunks, text.length)).toEqual([]);
  });

  test('makes no file that is gone, and names the draft', async () => {
    const path = `${tree.root}/gone`;
    const error = await expectCode(() => createDraftWriter().write(path, 0, [new Uint8Array(1)]), 'IO');
    expect(error.message).toContain(path);
    expect(readdirSync(tree.root)).toEqual([]);
  });

  test('keeps a file open for many writes and closes it when the thread has time', async () => {
    tree.make('draft');
    let opened = 0;
    const disk = {
      ...nodeThreadDisk,
      openFile: (path: string) => {
        opened++;
        return nodeThreadDisk.openFile(path);
      },
    };
    const drafts = createDraftWriter({ disk });
    for (let write = 0; write < 100; write++) drafts.write(`${tree.root}/draft`, write, [new Uint8Array(1)]);
    expect(opened).toBe(1);
    for (let draft = 0; draft < 40; draft++) {
      tree.make(`draft${draft}`);
      drafts.write(`${tree.root}/draft${draft}`, 0, [new Uint8Array(1)]);
    }
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    const open = readdirSync('/proc/self/fd').map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    expect(open.filter((path) => path.includes(tree.root))).toEqual([]);
  });

  test('passes its fault points', () => {
    tree.make('draft');
    const reached: string[] = [];
    const faults = { reach: (name: string) => void reached.push(name) };
    createDraftWriter({ faults }).write(`${tree.root}/draft`, 0, [new Uint8Array(1)]);
    expect(reached).toEqual(['draft.write']);
  });
});

describe('thread store', () => {
  test('reads objects, and says which is missing or cut short', async () => {
    mkdirSync(join(tree.root, 'e/packs'), { recursive: true });
    writeFileSync(join(tree.root, 'e/packs/p1'), 'abcdefgh');
    const store = createThreadStore({ folder: tree.root });
    using object = await store.open('e/packs/p1');
    const target = new Uint8Array(3);
    await object.read(target, 2);
    expect(Buffer.from(target).toString()).toBe('cde');
    const short = await expectCode(() => object.read(target, 6), 'CORRUPT');
    expect(short.message).toContain('e/packs/p1');
    const missing = await expectCode(() => store.open('e/packs/p2'), 'MISSING_BLOB');
    expect(missing.message).toContain('e/packs/p2');
    await expectCode(() => store.open('../secret'), 'INVALID_ARGUMENT');
    rmSync(join(tree.root, 'e/packs/p1'));
    appendFileSync(join(tree.root, 'e/packs/p1'), '');
    await object.read(target, 0);
  });
});
