import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createGlobs } from '../src/index.ts';
import { expectCode } from './expect-code.ts';

const globs = createGlobs();

const MATCHING: readonly (readonly [string, string])[] = [
  ['*', '.hidden'],
  ['*', '\nname'],
  ['*', 'a\nb'],
  ['**', 'a\nb/c'],
  ['**', 'a'],
  ['*.png', '.png'],
  ['**/*.png', 'x.png'],
  ['**/*.png', 'a/b/x.png'],
  ['a/**/c', 'a/c'],
  ['a/**/c', 'a/b/b/c'],
  ['a/*/c', 'a/b/c'],
  ['a/', 'a/b'],
  ['a/', 'a'],
  ['a/**', 'a'],
  ['./a', 'a'],
  ['a//b', 'a/b'],
  ['?', '\u{1f600}'],
  ['a?c', 'a\u00e9c'],
  ['[a-c]x', 'bx'],
  ['[!a-c]x', 'dx'],
  ['[^a-c]x', 'dx'],
  ['[\u{1f600}-\u{1f602}]', '\u{1f601}'],
  ['{a,b/c}/*.txt', 'b/c/x.txt'],
  ['data (1).csv', 'data (1).csv'],
  ['*(1).csv', 'data (1).csv'],
  ['+(a)', '+(a)'],
  ['@(a|b)', '@(a|b)'],
  ['!a', '!a'],
  ['a"b"', 'a"b"'],
  ['a\\*b', 'a*b'],
  ['\\[x\\]', '[x]'],
  ['\\d', 'd'],
  ["it's a-b #1 & <co>", "it's a-b #1 & <co>"],
  ['a$^+.b', 'a$^+.b'],
];

const NOT_MATCHING: readonly (readonly [string, string])[] = [
  ['*', 'a/b'],
  ['*.png', 'a/x.png'],
  ['a/*/c', 'a/b/b/c'],
  ['a/**', 'ab'],
  ['[!a-c]x', 'ax'],
  ['[!a]', '/'],
  ['a.b', 'axb'],
  ['a+b', 'aab'],
  ['a|b', 'a'],
  ['!a', 'b'],
  ['a\\*b', 'axb'],
  ['*(1).csv', 'data 1.csv'],
  ['@(a|b)', 'a'],
  ['A', 'a'],
  ['a', 'a\n'],
];

describe('globs', () => {
  test.for(MATCHING)('%j matches %j', ([pattern, path]) => {
    expect(globs.compile([pattern])(path)).toBe(true);
  });

  test.for(NOT_MATCHING)('%j does not match %j', ([pattern, path]) => {
    expect(globs.compile([pattern])(path)).toBe(false);
  });

  test('match when any of several does, and never without any', () => {
    const matches = globs.compile(['a', 'b/*']);
    expect(['a', 'b/x', 'c'].map(matches)).toEqual([true, true, false]);
    expect(globs.compile([])('a')).toBe(false);
  });

  test.for(['', '[a', '{a,b', '[z-a]', '/a', 'a/../b', '..', 'a\\', 'a\0', 'x'.repeat(9_000)])(
    'refuse %j, naming it',
    async (pattern) => {
      const error = await expectCode(() => globs.compile(['fine', pattern]), 'INVALID_GLOB');
      expect(error.message).toContain(JSON.stringify(pattern));
    },
  );

  test('with everything quoted match the path itself and nothing else', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }).filter(isPart);
    const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(path, path, (one, other) => {
        const matches = globs.compile([one.replaceAll(/[*?[\]{},!\\.]/g, '\\$&')]);
        expect(matches(one)).toBe(true);
        expect(matches(other)).toBe(one === other);
      }),
      { numRuns: 500, verbose: 1 },
    );
  });
});

function isPart(text: string): boolean {
  return text !== '.' && text !== '..' && !/[/\0]/.test(text);
}
