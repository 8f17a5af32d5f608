import { styleText } from 'node:util';
import { quotePath } from '@waybill/core';

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
/** What a terminal would act on, or what would make one name look like another. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const UNSAFE_IN_MESSAGE = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Bytes for people: `812 B`, `4.0 KiB`, `1.2 GiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0 of the smaller unit.
  while (unit < BINARY_UNITS.length - 1 && value >= (unit === 0 ? 1_024 : 1_023.95)) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${BINARY_UNITS[unit] ?? 'B'}`;
}

/** A count with its thousands set off: `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 file`, `2,000 files`. */
export function formatCounted(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A length of time for people: `0.4 s`, `12 s`, `3:07`, `1:02:45`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${pad(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}`;
}

/** A moment, UTC: `2026-11-23 09:20:11Z`. */
export function formatMoment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** A path or a name for people: as it is, or quoted and escaped when it holds what a terminal would act on. */
export function displayPath(path: string): string {
  const plain = path !== '' && !UNSAFE.test(path) && path.trim() === path && !path.startsWith('"');
  return plain ? path : quotePath(path);
}

/** A message that may quote foreign text: line breaks stay, every other control character is escaped. */
export function displayMessage(message: string): string {
  return message.replaceAll(
    UNSAFE_IN_MESSAGE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export type Align = 'left' | 'right';

/**
 * Rows of cells as aligned columns, two spaces apart. The last column is never padded, so names, whose width on a
 * screen nobody can know, belong there.
 */
export function formatTable(rows: readonly (readonly string[])[], align: readonly Align[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        if (column === row.length - 1 && align[column] !== 'right') return cell;
        const width = widths[column] ?? 0;
        return align[column] === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** A table under a faint line of column names. */
export function formatTitledTable(
  rows: readonly (readonly string[])[],
  { titles, align, paint }: { titles: readonly string[]; align: readonly Align[]; paint: Paint },
): string {
  const text = formatTable([titles, ...rows], align);
  const headEnd = text.indexOf('\n');
  return paint('dim', text.slice(0, headEnd)) + text.slice(headEnd);
}

type Emphasis = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** Gives text a look where colours are wanted, and leaves it alone elsewhere. */
export type Paint = (emphasis: Emphasis, text: string) => string;

export function createPaint(enabled: boolean): Paint {
  return (emphasis, text) => (enabled ? styleText(emphasis, text, { validateStream: false }) : text);
}
