import { formatVersionRef, type NoticeRecord, type VersionRecord } from '@waybill/core';
import { displayPath, formatBytes, formatCounted, type Paint } from './text.ts';

/** `entity/project/name:vN`: names the version for good. */
export function versionName(version: VersionRecord): string {
  return displayPath(formatVersionRef({ ...version, alias: `v${version.index}` }));
}

/** `8 entries, 75.1 KiB` */
export function contentText(version: Pick<VersionRecord, 'entryCount' | 'sizeBytes'>): string {
  return `${formatCounted(version.entryCount, 'entry', 'entries')}, ${formatBytes(version.sizeBytes)}`;
}

export function aliasesText(aliases: readonly string[]): string {
  return aliases.length === 0 ? 'none' : aliases.map(displayPath).join(', ');
}

/** Lines about what a source held that is not in the version; empty when there is nothing. */
export function leftOutLines(
  leftOut: { readonly count: number; readonly shown: readonly NoticeRecord[]; readonly hint: string },
  paint: Paint,
): string {
  const { count, shown, hint } = leftOut;
  if (count === 0) return '';
  const lines = [paint('yellow', `left out ${formatCounted(count, 'path')}:`)];
  for (const notice of shown) lines.push(`  ${displayPath(notice.path)} (${notice.reason})`);
  if (count > shown.length) lines.push(`  and ${count - shown.length} more; ${hint}`);
  return `${lines.join('\n')}\n`;
}

/** `name  value` lines, the names padded to one width; a value of several lines is indented. */
export function factLines(facts: readonly (readonly [name: string, value: string | undefined])[]): string {
  const present = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  const width = Math.max(0, ...present.map(([name]) => name.length));
  const indent = `\n${' '.repeat(width + 4)}`;
  return present
    .map(([name, value]) => `  ${name.padEnd(width)}  ${value.replaceAll('\n', indent)}\n`)
    .join('');
}
