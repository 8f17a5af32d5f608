import path from 'node:path';
import {
  ArtifactError,
  assertEntryPath,
  entryPathProblem,
  LIMITS,
  normalizeEntryPath,
  quotePath,
} from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('entry paths', () => {
  it.each([
    '',
    '/etc/passwd',
    '..',
    '../x',
    'a/../../x',
    'a/..',
    './a',
    'a//b',
    'a/',
    'a/./b',
    'nul\0',
    'C:',
    'c:/x',
    'C:x',
    '\\x',
    '\\\\server\\share',
    'a\\..\\..\\x',
    '..\\x',
    '\ud800',
  ])('refuses %j', (bad) => {
    expect(() => assertEntryPath(bad)).toThrow(ArtifactError);
  });

  it.each([
    'a',
    '.hidden',
    'a/.b/..c',
    'new\nline',
    'back\\slash',
    'tab\t',
    '...',
    'ab:c',
    'ünï/\u{1f600}',
    ' ',
    '-',
  ])('keeps %j exactly', (good) => {
    expect(entryPathProblem(good)).toBeUndefined();
    expect(normalizeEntryPath(good)).toBe(good);
  });

  it('counts bytes, not characters', () => {
    expect(entryPathProblem('é'.repeat(LIMITS.pathBytes / 2))).toBeUndefined();
    expect(entryPathProblem(`${'é'.repeat(LIMITS.pathBytes / 2)}x`)).toContain('longer');
  });

  it('normalises once, and the result stays', () => {
    expect(normalizeEntryPath('./a//b/./c/')).toBe('a/b/c');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        let normalized: string;
        try {
          normalized = normalizeEntryPath(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ArtifactError);
          return;
        }
        expect(normalizeEntryPath(normalized)).toBe(normalized);
      }),
    );
  });

  it('never accepts what leads outside a root, read as POSIX or as Windows', () => {
    const part = fc.constantFrom('a', '..', '.', '', 'C:', '\\', '/', '..\\', 'x\\..', '\\\\h\\s', 'b c');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom('/', '\\', ''), (parts, separator) => {
        const candidate = parts.join(separator);
        if (entryPathProblem(candidate) !== undefined) return;
        expect(`${path.posix.resolve('/srv', candidate)}/`.startsWith('/srv/')).toBe(true);
        expect(`${path.win32.resolve('D:\\srv', candidate)}\\`.startsWith('D:\\srv\\')).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  it('quotes control characters so that a terminal is not written to', () => {
    expect(quotePath('a\u001b[2Jb\u009b\u202e')).toBe('"a\\u001b[2Jb\\u009b\\u202e"');
  });
});
