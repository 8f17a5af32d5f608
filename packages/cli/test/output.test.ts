import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { isReaderGone, StreamOutput, WatchedOutput } from '../src/output.ts';
import { MemoryOutput } from './fake-surroundings.ts';

function streamFailingWith(code: string | undefined): NodeJS.WriteStream {
  const stream = new Writable({
    write(_chunk, _encoding, callback) {
      callback(code === undefined ? null : Object.assign(new Error(`write ${code}`), { code }));
    },
  });
  return stream as unknown as NodeJS.WriteStream;
}

const STDOUT = { name: 'standard output', optional: false };

async function failureOf(code: string): Promise<unknown> {
  return new StreamOutput(streamFailingWith(code), STDOUT).write('x').catch((error: unknown) => error);
}

test('writes resolve when the stream has taken them', async () => {
  await new StreamOutput(streamFailingWith(undefined), STDOUT).write('x');
});

test('a reader that has gone is told apart from a failure, also by later writes', async () => {
  const output = new StreamOutput(streamFailingWith('EPIPE'), STDOUT);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const error: unknown = await output.write('x').catch((caught: unknown) => caught);
    expect(isReaderGone(error)).toBe(true);
  }
  expect(isReaderGone(await failureOf('EIO'))).toBe(false);
  expect(isReaderGone(undefined)).toBe(false);
});

test('what nobody reads on standard error is dropped, and is no reader of the result that has gone', async () => {
  const errors = { name: 'standard error', optional: true };
  const output = new StreamOutput(streamFailingWith('EPIPE'), errors);
  for (let attempt = 0; attempt < 2; attempt += 1) await output.write('x');
  await expect(new StreamOutput(streamFailingWith('EIO'), errors).write('x')).rejects.toMatchObject({
    code: 'IO',
  });
});

test('other failures name what could not be written', async () => {
  expect(await failureOf('ENOSPC')).toMatchObject({
    code: 'NO_SPACE',
    message: expect.stringContaining('standard output') as unknown,
  });
  expect(await failureOf('EIO')).toMatchObject({
    code: 'IO',
    message: 'cannot write standard output: write EIO',
  });
});

test('a watched output knows of its first byte', async () => {
  const output = new WatchedOutput(new MemoryOutput());
  await output.write('');
  expect(output.written).toBe(false);
  await output.write('x');
  expect(output.written).toBe(true);
});
