import { describe, expect, test } from 'vitest';
import { parseDurationMs } from '../src/duration.ts';
import {
  createPaint,
  displayMessage,
  displayPath,
  formatBytes,
  formatCount,
  formatCounted,
  formatMoment,
  formatSeconds,
  formatTable,
  formatTitledTable,
} from '../src/text.ts';

describe('numbers for people', () => {
  test.for([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 * 1023.94, '1023.9 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
    [1_610_612_736, '1.5 GiB'],
    [3 * 2 ** 50, '3.0 PiB'],
    [3 * 2 ** 60, '3072.0 PiB'],
  ] as const)('%d bytes are %s', ([bytes, text]) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.for([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1_234_567, '1,234,567'],
  ] as const)('%d is %s', ([count, text]) => {
    expect(formatCount(count)).toBe(text);
  });

  test('one and many', () => {
    expect(formatCounted(1, 'file')).toBe('1 file');
    expect(formatCounted(0, 'file')).toBe('0 files');
    expect(formatCounted(2000, 'entry', 'entries')).toBe('2,000 entries');
  });

  test.for([
    [0, '0.0 s'],
    [0.42, '0.4 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1:00'],
    [187, '3:07'],
    [3765, '1:02:45'],
  ] as const)('%d seconds are %s', ([seconds, text]) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  test('a moment is UTC', () => {
    expect(formatMoment(Date.UTC(2026, 10, 23, 9, 20, 11, 999))).toBe('2026-11-23 09:20:11Z');
  });
});

describe('names for people', () => {
  test.for(['a/b.txt', 'naïve 名前.txt', "it's", 'back\\slash', 'with space'])(
    '%j is shown as it is',
    (path) => {
      expect(displayPath(path)).toBe(path);
    },
  );

  test.for([
    ['', '""'],
    ['a\nb', '"a\\nb"'],
    ['\u001b[31mred', '"\\u001b[31mred"'],
    [' a', '" a"'],
    ['"a"', '"\\"a\\""'],
    ['evil\u202egnp.exe', '"evil\\u202egnp.exe"'],
    ['a\u0085b', '"a\\u0085b"'],
  ] as const)('%j is quoted', ([path, shown]) => {
    expect(displayPath(path)).toBe(shown);
  });

  test('messages keep their lines and lose what a terminal would act on', () => {
    expect(displayMessage('one\ntwo\u001b[2J\r\u009b')).toBe('one\ntwo\\u001b[2J\\u000d\\u009b');
  });
});

describe('tables', () => {
  test('columns are aligned, the last one is not padded', () => {
    const rows = [
      ['1', 'a', 'x'],
      ['200', 'bcd', 'y y'],
    ];
    expect(formatTable(rows, ['right', 'left'])).toBe('  1  a    x\n200  bcd  y y\n');
    expect(formatTable([])).toBe('');
  });

  test('titles are faint', () => {
    const paint = createPaint(true);
    const text = formatTitledTable([['1', 'a']], { titles: ['N', 'NAME'], align: ['right'], paint });
    expect(text).toBe('\u001b[2mN  NAME\u001b[22m\n1  a\n');
  });

  test('without colours nothing is added', () => {
    expect(createPaint(false)('red', 'a')).toBe('a');
  });
});

describe('durations', () => {
  test.for([
    ['0', 0],
    ['90', 90_000],
    ['45s', 45_000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
  ] as const)('%s is %d ms', ([text, ms]) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  test.for(['', '-1', '1.5h', '7 d', '7D', 'd', '1y', '1h30m', '99999999999'])(
    '%j is no duration',
    (text) => {
      expect(() => parseDurationMs(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );
});
