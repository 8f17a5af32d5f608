import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArtifactError } from '@waybill/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeOutputFile } from '../src/file-output.ts';
import { ResultStream } from '../src/result-stream.ts';
import { SpooledList } from '../src/spooled-list.ts';
import { runTool } from './e2e/run-tool.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-streams-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('SpooledList', () => {
  test.for([0, 1, 10, 11, 35])('%d items come back in order, and no file stays', async (count) => {
    const items = Array.from({ length: count }, (_, index) => `path\n"${index}"\u2028`);
    {
      await using list = new SpooledList(() => folder, { inMemoryMax: 10 });
      for (const item of items) await list.add(item);
      expect(await readdir(folder)).toHaveLength(count > 10 ? 1 : 0);
      const read: string[] = [];
      for await (const block of list.blocks()) read.push(...block);
      expect(read).toEqual(items);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test('a scratch folder that cannot be written is told', async () => {
    await using list = new SpooledList(() => join(folder, 'missing'), { inMemoryMax: 0 });
    await expect(list.add('a')).rejects.toMatchObject({ code: 'IO' });
  });
});

describe('ResultStream', () => {
  async function* counting(count: number, onEnd: () => void): AsyncGenerator<number, string> {
    try {
      for (let item = 0; item < count; item += 1) yield item;
      return 'done';
    } finally {
      onEnd();
    }
  }

  test.for([0, 1, 500, 1_201])('%d items in blocks, then the result', async (count) => {
    const stream = new ResultStream(counting(count, () => undefined));
    expect(() => stream.result).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    const items: number[] = [];
    for await (const block of stream.blocks()) items.push(...block);
    expect(items).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(stream.result).toBe('done');
  });

  test('left early, the generator is closed', async () => {
    let ended = false;
    const stream = new ResultStream(
      counting(10_000, () => {
        ended = true;
      }),
    );
    for await (const block of stream.blocks()) if (block.length > 0) break;
    expect(ended).toBe(true);
  });
});

describe('writeOutputFile', () => {
  async function* bytesOf(texts: readonly string[], failure?: Error): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text);
    if (failure !== undefined) throw failure;
  }

  test('writes all and leaves nothing beside it', async () => {
    const path = join(folder, 'out');
    expect(await writeOutputFile(path, bytesOf(['ab', 'cde']))).toBe(5);
    expect(await readFile(path, 'utf8')).toBe('abcde');
    expect(await readdir(folder)).toEqual(['out']);
  });

  test('a failure leaves the file that was there', async () => {
    const path = join(folder, 'out');
    await writeFile(path, 'old');
    const failure = new ArtifactError('CORRUPT', 'wrong digest');
    await expect(writeOutputFile(path, bytesOf(['new'], failure))).rejects.toBe(failure);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['out']);
  });

  test('an abort leaves nothing', async () => {
    const signal = AbortSignal.abort();
    const path = join(folder, 'out');
    await expect(writeOutputFile(path, bytesOf(['x']), { signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test('a folder that is not there is named', async () => {
    const path = join(folder, 'none', 'out');
    await expect(writeOutputFile(path, bytesOf(['x']))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining(JSON.stringify(path)) as unknown,
    });
  });

  test('a pipe is written to, not replaced', async () => {
    const path = join(folder, 'pipe');
    expect(runTool(['mkfifo', path]).status).toBe(0);
    const [bytes, read] = await Promise.all([writeOutputFile(path, bytesOf(['ab', 'c'])), readFile(path)]);
    expect({ bytes, read: read.toString() }).toEqual({ bytes: 3, read: 'abc' });
    expect((await lstat(path)).isFIFO()).toBe(true);
    expect(await readdir(folder)).toEqual(['pipe']);
  });

  test('a pipe that nobody reads yet, and one that is full, can be given up', async () => {
    const path = join(folder, 'pipe');
    expect(runTool(['mkfifo', path]).status).toBe(0);
    const unread = AbortSignal.timeout(100);
    await expect(writeOutputFile(path, bytesOf(['x']), { signal: unread })).rejects.toThrow();
    // Open for both, so that there is a reader which reads nothing.
    await using stalled = await open(path, 'r+');
    const full = AbortSignal.timeout(200);
    await expect(writeOutputFile(path, bytesOf(['x'.repeat(200_000)]), { signal: full })).rejects.toThrow();
    expect((await stalled.stat()).isFIFO()).toBe(true);
  });

  test('more than a pipe holds comes through', async () => {
    const path = join(folder, 'pipe');
    expect(runTool(['mkfifo', path]).status).toBe(0);
    const text = 'abcdefgh'.repeat(100_000);
    const [bytes, read] = await Promise.all([
      writeOutputFile(path, bytesOf([text, 'end'])),
      readFile(path, 'utf8'),
    ]);
    expect(bytes).toBe(800_003);
    expect(read === `${text}end`).toBe(true);
  });

  test('a device is written to, also behind a link', async () => {
    const path = join(folder, 'null');
    await symlink('/dev/null', path);
    expect(await writeOutputFile(path, bytesOf(['abc']))).toBe(3);
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
    await rm(path);
    await symlink('/dev/full', path);
    await expect(writeOutputFile(path, bytesOf(['abc']))).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringContaining(`${JSON.stringify(path)}: no space is left`) as unknown,
    });
  });

  test.for(['there', 'not there yet'])(
    'what a link names is replaced, and the link stays: %s',
    async (name) => {
      await mkdir(join(folder, 'sub'));
      const file = join(folder, 'sub', name);
      if (name === 'there') await writeFile(file, 'old', { mode: 0o640 });
      await symlink(`./sub/${name}`, join(folder, 'middle'));
      await symlink('middle', join(folder, 'link'));
      await writeOutputFile(join(folder, 'link'), bytesOf(['new']));
      expect(await readFile(file, 'utf8')).toBe('new');
      expect(await readdir(join(folder, 'sub'))).toEqual([name]);
      expect((await readdir(folder)).sort()).toEqual(['link', 'middle', 'sub']);
      expect((await lstat(join(folder, 'link'))).isSymbolicLink()).toBe(true);
    },
  );

  test('a file that is replaced keeps its permissions', async () => {
    const path = join(folder, 'private');
    await writeFile(path, 'old');
    await chmod(path, 0o600);
    await writeOutputFile(path, bytesOf(['new']));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('the longest name there can be', async () => {
    const name = 'n'.repeat(255);
    await writeOutputFile(join(folder, name), bytesOf(['x']));
    expect(await readdir(folder)).toEqual([name]);
    await expect(writeOutputFile(join(folder, `${name}n`), bytesOf(['x']))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('choose a shorter one') as unknown,
    });
  });

  test('a folder and a link to itself are said to be so, before any work', async () => {
    let pulled = false;
    async function* watched(): AsyncGenerator<Uint8Array> {
      pulled = true;
      yield Buffer.from('x');
    }
    const loop = join(folder, 'loop');
    await symlink('loop', loop);
    for (const [path, text] of [
      [folder, 'it is a folder'],
      [loop, 'leads to itself'],
    ] as const) {
      await expect(writeOutputFile(path, watched())).rejects.toMatchObject({
        code: 'TARGET_CONFLICT',
        message: expect.stringContaining(text) as unknown,
      });
    }
    expect(pulled).toBe(false);
  });
});
