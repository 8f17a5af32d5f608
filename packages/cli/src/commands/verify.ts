import { parseVersionRef } from '@waybill/core';
import type { TreeDifference, VerifyResult } from '@waybill/operations';
import type { Command } from 'commander';
import { parseLocalPath } from '../check-argument.ts';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { showOperation } from '../progress-text.ts';
import { versionName } from '../render-version.ts';
import { ResultStream } from '../result-stream.ts';
import { SpooledList } from '../spooled-list.ts';
import { displayPath, formatCount, formatCounted, type Paint } from '../text.ts';

const EXAMPLES = ['waybill verify photos:v3 ./photos', 'waybill verify photos ./photos --json | jq .changed'];

interface VerifyFlags {
  readonly json?: boolean;
}

export function defineVerify(command: Command, run: RunAction): void {
  command
    .argument('<name>', 'version, as [[ENTITY/]PROJECT/]NAME[:ALIAS]; without ALIAS the latest')
    .argument('<dir>', 'folder to compare with it')
    .addHelpText(
      'after',
      '\nPrints what is missing, extra or changed in DIR; exit code 4 when there is any.',
    );
  finishCommand(command, EXAMPLES).action(async (name: string, dir: string, flags: VerifyFlags) => {
    await run(flags, async (context) => runVerify(context, { name, dir }));
  });
}

async function runVerify(
  context: CommandContext,
  { name, dir }: { name: string; dir: string },
): Promise<ExitCode> {
  const ref = parseVersionRef(name, context.config.names);
  const root = parseLocalPath('DIR', { path: dir, workingFolder: context.workingFolder });
  const ports = await context.open({ startThreads: true });
  const { verifyVersion } = await import('@waybill/operations');
  using display = await context.openProgress();
  const stream = new ResultStream(
    verifyVersion(ports, { ref, root }, { signal: context.signal, onProgress: showOperation(display) }),
  );
  if (context.json) {
    await reportJson(context, { stream, scratchFolder: () => ports.scratchFolder });
  } else {
    for await (const block of stream.blocks()) {
      display.clear();
      await context.output.write(
        block.map((difference) => differenceText(difference, context.paint)).join(''),
      );
    }
    display.clear();
    await context.output.write(verifyText({ ...stream.result, root: dir }, context.paint));
  }
  return stream.result.ok ? EXIT_CODES.done : EXIT_CODES.verification;
}

/** One array for each kind, though differences come in path order: what is many waits in files. */
async function reportJson(
  { report, signal }: CommandContext,
  {
    stream,
    scratchFolder,
  }: { stream: ResultStream<TreeDifference, VerifyResult>; scratchFolder: () => string },
): Promise<void> {
  await using missing = new SpooledList(scratchFolder);
  await using extra = new SpooledList(scratchFolder);
  await using changed = new SpooledList(scratchFolder);
  const lists = { missing, extra, changed };
  for await (const block of stream.blocks()) {
    for (const { kind, path } of block) await lists[kind].add(path);
  }
  await report.members({ ok: stream.result.ok });
  for (const [kind, list] of Object.entries(lists)) await report.array(kind, list.blocks({ signal }));
  await report.end();
}

export function differenceText({ kind, path }: TreeDifference, paint: Paint): string {
  return `${paint(kind === 'extra' ? 'yellow' : 'red', kind.padEnd(7))}  ${displayPath(path)}\n`;
}

export function verifyText(result: VerifyResult, paint: Paint): string {
  const { version, root, ok, entries, missing, extra, changed, referencesUnchecked } = result;
  const what = `${displayPath(root)} ${ok ? 'is exactly' : 'differs from'} ${versionName(version)}`;
  const counts = ok
    ? formatCounted(entries, 'file')
    : `${formatCount(missing)} missing, ${formatCount(extra)} extra, ${formatCount(changed)} changed of ${formatCounted(entries, 'file')}`;
  const unchecked =
    referencesUnchecked === 0
      ? ''
      : `${formatCounted(referencesUnchecked, 'reference')} to other places not checked\n`;
  return `${paint(ok ? 'green' : 'red', ok ? 'ok' : 'differs')}  ${what}: ${counts}\n${unchecked}`;
}
