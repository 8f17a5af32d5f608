import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIMITS } from '@waybill/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDescription, readMetadata } from '../src/text-argument.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-text-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function fileWith(content: string | Uint8Array): Promise<string> {
  const path = join(folder, `file-${Math.random()}`);
  await writeFile(path, content);
  return `@${path}`;
}

describe('--description', () => {
  test('is text, a file, or text that begins with "@"', async () => {
    expect(await readDescription('# Notes')).toBe('# Notes');
    expect(await readDescription(await fileWith('from a file\n'))).toBe('from a file\n');
    expect(await readDescription('@@alice made it')).toBe('@alice made it');
  });

  test('is bounded, given either way', async () => {
    const long = 'x'.repeat(LIMITS.descriptionBytes + 1);
    await expect(readDescription(long)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(readDescription(await fileWith(long))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('--metadata', () => {
  test('is JSON or a file that holds it', async () => {
    expect(await readMetadata('{"a": [1, null]}')).toEqual({ a: [1, null] });
    expect(await readMetadata(await fileWith('{"b": 2}'))).toEqual({ b: 2 });
  });

  test.for(['{"a": NaN}', '[1]', '{', '5'])('%s is refused', async (text) => {
    await expect(readMetadata(text)).rejects.toMatchObject({ code: 'INVALID_METADATA' });
    await expect(readMetadata(await fileWith(text))).rejects.toMatchObject({ code: 'INVALID_METADATA' });
  });
});

test('a file that cannot be read is named', async () => {
  const missing = join(folder, 'missing\n.json');
  await expect(readMetadata(`@${missing}`)).rejects.toMatchObject({
    code: 'SOURCE_NOT_FOUND',
    message: expect.stringMatching(/^--metadata: file ".*missing\\n\.json" does not exist/) as unknown,
  });
  const aFolder = join(folder, 'folder');
  await mkdir(aFolder);
  await expect(readDescription(`@${aFolder}`)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('is a folder') as unknown,
  });
  await expect(readDescription(await fileWith(new Uint8Array([0xff])))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('not UTF-8') as unknown,
  });
});
