import { ArtifactError } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonReport } from '../src/json-report.ts';
import { MemoryOutput } from './fake-surroundings.ts';

async function* each<T>(items: readonly T[], failure?: Error): AsyncGenerator<T> {
  for (const item of items) yield item;
  if (failure !== undefined) throw failure;
}

describe('JsonReport', () => {
  test('members, arrays and content become one object on one line', async () => {
    const output = new MemoryOutput();
    const report = new JsonReport(output);
    await report.members({ a: 1, left: undefined, b: { c: null } });
    await report.array('items', each([[1, 2], [], [{ x: 'y' }]]));
    await report.array('none', each([]));
    await report.base64('content', each([Buffer.from('hello'), Buffer.from(' world')]));
    await report.end();
    expect(output.text).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(output.text)).toEqual({
      a: 1,
      b: { c: null },
      items: [1, 2, { x: 'y' }],
      none: [],
      content: Buffer.from('hello world').toString('base64'),
    });
  });

  test('nothing at all is an empty object', async () => {
    const output = new MemoryOutput();
    await new JsonReport(output).end();
    expect(output.text).toBe('{}\n');
  });

  test('any cut of the content gives the same base64', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 20 })), async (chunks) => {
        const output = new MemoryOutput();
        const report = new JsonReport(output);
        await report.base64('content', each(chunks));
        await report.end();
        expect(JSON.parse(output.text)).toEqual({ content: Buffer.concat(chunks).toString('base64') });
      }),
    );
  });

  test('a failure within an array closes it and is told', async () => {
    const output = new MemoryOutput();
    const report = new JsonReport(output);
    const failure = new ArtifactError('CORRUPT', 'pack is damaged', {
      details: { key: 'packs/a' },
      cause: new Error('short read'),
    });
    await expect(report.array('items', each([['a']], failure))).rejects.toThrow(failure);
    await report.fail(failure);
    expect(JSON.parse(output.text)).toEqual({
      items: ['a'],
      error: {
        code: 'CORRUPT',
        message: 'pack is damaged',
        details: { key: 'packs/a' },
        cause: 'short read',
      },
    });
    expect(report.ended).toBe(true);
    const text = output.text;
    await report.fail(failure);
    expect(output.text).toBe(text);
  });

  test('a failure within content closes the string', async () => {
    const output = new MemoryOutput();
    const report = new JsonReport(output);
    const failure = new ArtifactError('CORRUPT', 'wrong digest');
    await expect(report.base64('content', each([Buffer.from('abcd')], failure))).rejects.toThrow(failure);
    await report.fail(failure);
    expect(JSON.parse(output.text)).toEqual({
      content: Buffer.from('abc').toString('base64'),
      error: { code: 'CORRUPT', message: 'wrong digest', details: {} },
    });
  });

  test('a foreign error is an internal one', async () => {
    const output = new MemoryOutput();
    await new JsonReport(output).fail(new TypeError('x is not a function'));
    expect(JSON.parse(output.text)).toEqual({
      error: { code: 'INTERNAL', message: 'x is not a function', details: {} },
    });
  });
});
