import { join } from 'node:path';
import { parseVersionRef, type VersionRecord } from '@waybill/core';
import type { GetResult } from '@waybill/operations';
import type { Command } from 'commander';
import { parseLocalPath } from '../check-argument.ts';
import { collect, finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { showOperation } from '../progress-text.ts';
import { versionName } from '../render-version.ts';
import { displayPath, formatBytes, formatCount, formatCounted, type Paint } from '../text.ts';

const EXAMPLES = [
  'waybill get photos',
  'waybill get photos:v3 --root ./photos',
  'waybill get team/vision/photos:best --only "2026/**" --only "*.json"',
];

interface GetFlags {
  readonly root?: string;
  readonly only?: readonly string[];
  readonly json?: boolean;
}

export function defineGet(command: Command, run: RunAction): void {
  command
    .argument('<name>', 'version, as [[ENTITY/]PROJECT/]NAME[:ALIAS]; without ALIAS the latest')
    .option('--root <dir>', 'folder to write into (default: ./artifacts/NAME:vN); extra files there are left')
    .option('--only <glob>', 'only entries whose path matches (repeatable)', collect);
  finishCommand(command, EXAMPLES).action(async (name: string, flags: GetFlags) => {
    await run(flags, async (context) => runGet(context, name, flags));
  });
}

async function runGet(context: CommandContext, name: string, flags: GetFlags): Promise<ExitCode> {
  const ref = parseVersionRef(name, context.config.names);
  const only = flags.only ?? [];
  const { signal, workingFolder } = context;
  const given =
    flags.root === undefined ? undefined : parseLocalPath('--root', { path: flags.root, workingFolder });
  const ports = await context.open({ startThreads: true });
  const { getVersion, resolveVersion } = await import('@waybill/operations');
  // The default folder carries the version's number, which an alias does not tell.
  const folder = flags.root ?? defaultRoot(await resolveVersion(ports, ref, { signal }));
  using display = await context.openProgress();
  const options = { signal, onProgress: showOperation(display) };
  const target = given ?? join(workingFolder, folder);
  const result = await getVersion(ports, { ref, root: target, only }, options);
  display.clear();
  if (context.json) {
    const { root, entries, bytes, skipped } = result;
    await context.report.members({ root, entries, bytes, skipped });
    await context.report.end();
  } else {
    await context.output.write(getText({ ...result, root: folder }, context.paint));
  }
  return EXIT_CODES.done;
}

/** Where a version goes when nobody says: as the W&B client has it. A colon is no part of a file name on Windows. */
export function defaultRoot(
  version: Pick<VersionRecord, 'name' | 'index'>,
  platform: NodeJS.Platform = process.platform,
): string {
  return join('artifacts', `${version.name}${platform === 'win32' ? '-' : ':'}v${version.index}`);
}

export function getText(result: GetResult, paint: Paint): string {
  const { version, root, entries, bytes, written, skipped } = result;
  const there = skipped === 0 ? '' : `, ${formatCount(skipped)} were there already`;
  return (
    `${paint('bold', versionName(version))} is in ${displayPath(root)}\n` +
    `  ${formatCounted(entries, 'file')}, ${formatBytes(bytes)}: ${formatCount(written)} written${there}\n`
  );
}
