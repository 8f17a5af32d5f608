import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

/** One comparison: ours and the peer's figures of the same rounds, interleaved. */
export interface BenchRow {
  readonly name: string;
  /** What the figures are: `files/s`, `s`, `ms`, `MB`. */
  readonly unit: string;
  readonly ours: readonly number[];
  readonly peerName: string;
  readonly peer: readonly number[];
  /** `ratio` of the medians, ours to the peer's, or our median itself against a limit. */
  readonly required: Requirement;
  readonly note?: string;
}

export type Requirement =
  | { readonly kind: 'ratio-at-least' | 'ratio-at-most' | 'at-most'; readonly value: number }
  | { readonly kind: 'reported' };

export interface BenchOptions {
  /** Small inputs and one round: shows that the bench works, not how fast anything is. */
  readonly tiny: boolean;
  readonly rounds: number;
  /** Folder on the file system to be measured. */
  readonly folder: string;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/** Whether the row meets its requirement; a row without its peer never does. */
export function isMet(row: BenchRow): boolean {
  const { required } = row;
  if (required.kind === 'reported') return true;
  if (required.kind === 'at-most') return median(row.ours) <= required.value;
  if (row.peer.length === 0) return false;
  const ratio = median(row.ours) / median(row.peer);
  return required.kind === 'ratio-at-least' ? ratio >= required.value : ratio <= required.value;
}

export function printRow(row: BenchRow): void {
  const ratio = row.peer.length === 0 ? '' : `  ratio ${format(median(row.ours) / median(row.peer))}`;
  const verdict = row.required.kind === 'reported' ? '' : isMet(row) ? '  met' : '  NOT MET';
  process.stdout.write(`${row.name}\n  ours ${spread(row.ours)} ${row.unit}\n`);
  if (row.peer.length > 0) process.stdout.write(`  ${row.peerName} ${spread(row.peer)} ${row.unit}\n`);
  process.stdout.write(`  required ${describe(row.required)}${ratio}${verdict}\n`);
  if (row.note !== undefined) process.stdout.write(`  ${row.note}\n`);
}

export function printMachine(): void {
  const [cpu] = cpus();
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const memory = Math.round(totalmem() / 2 ** 30);
  process.stdout.write(
    `${cpus().length} x ${cpu?.model ?? 'unknown CPU'}, ${memory} GiB, Node ${process.version}, commit ${commit}\n`,
  );
}

function describe(required: Requirement): string {
  switch (required.kind) {
    case 'ratio-at-least':
      return `ratio >= ${required.value}`;
    case 'ratio-at-most':
      return `ratio <= ${required.value}`;
    case 'at-most':
      return `<= ${required.value}`;
    case 'reported':
      return 'nothing';
  }
}

function spread(values: readonly number[]): string {
  return `${format(median(values))} (${format(Math.min(...values))} to ${format(Math.max(...values))}, n=${values.length})`;
}

function format(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toString();
  return value.toPrecision(3);
}
