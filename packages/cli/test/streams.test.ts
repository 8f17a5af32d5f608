import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArtifactError } from '@waybill/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeOutputFile } from '../src/file-output.ts';
import { ResultStream } from '../src/result-stream.ts';
import { SpooledList } from '../src/spooled-list.ts';

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
  async function* bytes(texts: readonly string[], failure?: Error): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text);
    if (failure !== undefined) throw failure;
  }

  test('writes all and leaves nothing beside it', async () => {
    const path = join(folder, 'out');
    expect(await writeOutputFile(path, bytes(['ab', 'cde']))).toBe(5);
    expect(await readFile(path, 'utf8')).toBe('abcde');
    expect(await readdir(folder)).toEqual(['out']);
  });

  test('a failure leaves the file that was there', async () => {
    const path = join(folder, 'out');
    await writeFile(path, 'old');
    const failure = new ArtifactError('CORRUPT', 'wrong digest');
    await expect(writeOutputFile(path, bytes(['new'], failure))).rejects.toBe(failure);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['out']);
  });

  test('an abort leaves nothing', async () => {
    const signal = AbortSignal.abort();
    const path = join(folder, 'out');
    await expect(writeOutputFile(path, bytes(['x']), { signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test('a folder that is not there is named', async () => {
    const path = join(folder, 'none', 'out');
    await expect(writeOutputFile(path, bytes(['x']))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining(JSON.stringify(path)) as unknown,
    });
  });
});
