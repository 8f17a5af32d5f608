import { parseVersionRef } from '@waybill/core';
import type { DiffResult, EntryDifference } from '@waybill/operations';
import type { Command } from 'commander';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { DIFF_UNITS, showOperation } from '../progress-text.ts';
import { versionName } from '../render-version.ts';
import { ResultStream } from '../result-stream.ts';
import { displayPath, formatBytes, formatCount, type Paint } from '../text.ts';

const EXAMPLES = ['waybill diff photos:v3 photos:v4', 'waybill diff photos:best photos --json'];

interface DiffFlags {
  readonly json?: boolean;
}

export function defineDiff(command: Command, run: RunAction): void {
  command
    .argument('<a>', 'version to compare from, as [[ENTITY/]PROJECT/]NAME[:ALIAS]')
    .argument('<b>', 'version to compare with')
    .addHelpText(
      'after',
      '\nMarks: + added, - removed, ~ changed, > moved (same content under another path).',
    );
  finishCommand(command, EXAMPLES).action(async (a: string, b: string, flags: DiffFlags) => {
    await run(flags, async (context) => runDiff(context, { a, b }));
  });
}

async function runDiff(context: CommandContext, { a, b }: { a: string; b: string }): Promise<ExitCode> {
  const from = parseVersionRef(a, context.config.names);
  const to = parseVersionRef(b, context.config.names);
  const ports = await context.open();
  const { diffVersions } = await import('@waybill/operations');
  using display = await context.openProgress();
  const options = { signal: context.signal, onProgress: showOperation(display, DIFF_UNITS) };
  const stream = new ResultStream(diffVersions(ports, { from, to }, options));
  if (context.json) {
    await context.report.array('changes', differenceBlocks(stream));
    await context.report.members(totalsJson(stream.result));
    await context.report.end();
    return EXIT_CODES.done;
  }
  for await (const block of stream.blocks()) {
    display.clear();
    await context.output.write(block.map((difference) => differenceText(difference, context.paint)).join(''));
  }
  display.clear();
  await context.output.write(totalsText(stream.result, context.paint));
  return EXIT_CODES.done;
}

async function* differenceBlocks(
  stream: ResultStream<EntryDifference, DiffResult>,
): AsyncGenerator<Readonly<Record<string, unknown>>[]> {
  for await (const block of stream.blocks()) yield block.map(differenceJson);
}

function differenceJson(difference: EntryDifference): Readonly<Record<string, unknown>> {
  const { kind, path, fromPath, digest, fromDigest, sizeBytes, fromSizeBytes } = difference;
  return {
    kind,
    path,
    fromPath,
    digest,
    size: sizeBytes ?? null,
    ...(kind === 'changed' ? { fromDigest, fromSize: fromSizeBytes ?? null } : {}),
  };
}

function totalsJson(result: DiffResult): Readonly<Record<string, unknown>> {
  const { from, to, added, removed, changed, moved } = result;
  return { from: `v${from.index}`, to: `v${to.index}`, added, removed, changed, moved };
}

export function differenceText(difference: EntryDifference, paint: Paint): string {
  const { kind, path, fromPath, sizeBytes, fromSizeBytes } = difference;
  const name = displayPath(path);
  switch (kind) {
    case 'added':
      return `${paint('green', '+')} ${name}  ${sizeText(sizeBytes)}\n`;
    case 'removed':
      return `${paint('red', '-')} ${name}  ${sizeText(sizeBytes)}\n`;
    case 'changed':
      return `${paint('yellow', '~')} ${name}  ${sizeText(fromSizeBytes)} -> ${sizeText(sizeBytes)}\n`;
    case 'moved':
      return `> ${displayPath(fromPath ?? '')} -> ${name}  ${sizeText(sizeBytes)}\n`;
  }
}

function sizeText(sizeBytes: number | undefined): string {
  return sizeBytes === undefined ? 'size unknown' : formatBytes(sizeBytes);
}

export function totalsText(result: DiffResult, paint: Paint): string {
  const { from, to, added, removed, changed, moved } = result;
  const names = `${versionName(from)} -> ${versionName(to)}`;
  const parts = Object.entries({ added, removed, changed, moved })
    .filter(([, totals]) => totals.count > 0)
    .map(([kind, { count, bytes }]) => `${formatCount(count)} ${kind} (${formatBytes(bytes)})`);
  return `${paint('bold', names)}: ${parts.length === 0 ? 'no difference' : parts.join(', ')}\n`;
}
