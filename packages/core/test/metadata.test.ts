import { checkMetadata, parseMetadata } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const keys = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));

describe('metadata', () => {
  it.each([
    ['{"a": NaN}', 'a'],
    ['{"a": {"b": [1, -Infinity]}}', 'a.b.1'],
    ['{"text": "NaN", "x": Infinity}', 'x'],
    ['{"big": 12345678901234567890}', 'big'],
    ['{"huge": 1e999}', 'huge'],
  ])('names the key in %s', (text, key) => {
    expect(() => parseMetadata(text)).toThrow(expect.objectContaining({ code: 'INVALID_METADATA' }));
    expect(() => parseMetadata(text)).toThrow(`"${key}"`);
  });

  it.each(['', '[]', '1', 'null', '"x"', '{', '{"a":}', '{"a":1}}'])('refuses %j', (text) => {
    expect(() => parseMetadata(text)).toThrow(expect.objectContaining({ code: 'INVALID_METADATA' }));
  });

  it('takes 100 keys and refuses 101', () => {
    expect(Object.keys(parseMetadata(JSON.stringify(keys(100))))).toHaveLength(100);
    expect(() => parseMetadata(JSON.stringify(keys(101)))).toThrow('101 keys');
  });

  it('refuses values that JSON cannot hold', () => {
    expect(() => checkMetadata({ a: { b: Number.NaN } })).toThrow('"a.b"');
    expect(() => checkMetadata({ a: 1n })).toThrow('bigint');
    expect(() => checkMetadata({ a: undefined })).toThrow('undefined');
  });

  it('keeps any other JSON object as it is', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 20 }), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseMetadata(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });
});
