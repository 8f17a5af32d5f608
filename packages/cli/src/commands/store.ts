import type { CheckResult, RebuildResult, StoreFinding } from '@waybill/operations';
import type { Command } from 'commander';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { CHECK_UNITS, REBUILD_UNITS, showOperation } from '../progress-text.ts';
import { ResultStream } from '../result-stream.ts';
import { displayMessage, displayPath, formatBytes, formatCount, formatCounted, type Paint } from '../text.ts';

interface CheckFlags {
  readonly repair?: boolean;
  readonly json?: boolean;
}

interface RebuildFlags {
  readonly rehash?: boolean;
  readonly json?: boolean;
}

export function defineStore(command: Command, run: RunAction): void {
  const check = command
    .command('check')
    .description(
      'Read back and verify everything stored: blobs, packs, manifests, and every entry of every version.',
    )
    .summary('read back and verify everything stored')
    .option('--repair', 'forget damaged blobs, so that the next put of their files stores them anew')
    .addHelpText(
      'after',
      '\nExit code 4 when anything is damaged or missing; then it says how to go on. With --repair, one of gc, rebuild-index\n' +
        'and check --repair runs at a time: exit code 5 when another one does.',
    );
  finishCommand(check, ['waybill store check', 'waybill store check --repair --json']);
  check.action(async (flags: CheckFlags) => {
    await run(flags, async (context) => runCheck(context, flags));
  });

  const rebuild = command
    .command('rebuild-index')
    .description('Rebuild the blob index from packs and object names.')
    .summary('rebuild the blob index')
    .option('--rehash', 'hash every blob, and take in only those that are right')
    .addHelpText(
      'after',
      '\nUntil it has ended, other commands may find that versions miss contents, and a put that runs meanwhile may fail; it\n' +
        'can be resumed afterwards. Run it when nobody else works. When it was stopped or killed, run it again: the index is\n' +
        'whole only after it has ended. Exit code 5 when gc, check --repair or another rebuild-index runs now.',
    );
  finishCommand(rebuild, ['waybill store rebuild-index', 'waybill store rebuild-index --rehash']);
  rebuild.action(async (flags: RebuildFlags) => {
    await run(flags, async (context) => runRebuild(context, flags));
  });
}

async function runCheck(context: CommandContext, flags: CheckFlags): Promise<ExitCode> {
  const ports = await context.open();
  const { checkStore } = await import('@waybill/operations');
  using display = await context.openProgress();
  const options = { signal: context.signal, onProgress: showOperation(display, CHECK_UNITS) };
  const stream = new ResultStream(checkStore(ports, { repair: flags.repair === true }, options));
  if (context.json) {
    await context.report.array('findings', stream.blocks());
    await context.report.members({ ...stream.result });
    await context.report.end();
  } else {
    for await (const block of stream.blocks()) {
      display.clear();
      await context.output.write(block.map((finding) => findingText(finding, context.paint)).join(''));
    }
    display.clear();
    await context.output.write(checkText(stream.result, context.paint));
  }
  return stream.result.ok ? EXIT_CODES.done : EXIT_CODES.verification;
}

async function runRebuild(context: CommandContext, flags: RebuildFlags): Promise<ExitCode> {
  const ports = await context.open();
  const { rebuildIndex } = await import('@waybill/operations');
  using display = await context.openProgress();
  const options = { signal: context.signal, onProgress: showOperation(display, REBUILD_UNITS) };
  const result = await rebuildIndex(ports, { rehash: flags.rehash === true }, options);
  display.clear();
  if (context.json) {
    await context.report.members({ ...result });
    await context.report.end();
  } else {
    await context.output.write(rebuildText(result, context.paint));
  }
  return EXIT_CODES.done;
}

export function findingText(finding: StoreFinding, paint: Paint): string {
  return `${paint(finding.kind === 'leftover' ? 'yellow' : 'red', finding.kind)}  ${findingDetail(finding)}\n`;
}

function findingDetail(finding: StoreFinding): string {
  switch (finding.kind) {
    case 'damaged-object':
    case 'damaged-footer':
      return `${finding.key}: ${displayMessage(finding.message)}`;
    case 'damaged-blob':
      return `${finding.key}: ${finding.algorithm} ${finding.digest}`;
    case 'damaged-manifest':
      return `${displayPath(finding.version)} (${finding.key}): ${displayMessage(finding.message)}`;
    case 'damaged-entry':
      return `${displayPath(finding.version)}: ${displayPath(finding.path)} is ${finding.reason}`;
    case 'leftover':
      return `${finding.key}, ${formatBytes(finding.sizeBytes)}`;
  }
}

export function checkText(result: CheckResult, paint: Paint): string {
  const { ok, objects, blobs, bytes, versions, entries, leftovers } = result;
  const read = `${formatCounted(objects, 'object')} with ${formatCounted(blobs, 'blob')} (${formatBytes(bytes)})`;
  const named = `${formatCounted(versions, 'version')} with ${formatCounted(entries, 'entry', 'entries')}`;
  const lines = [`${paint(ok ? 'green' : 'red', ok ? 'ok' : 'damaged')}  read ${read}; ${named}`];
  if (!ok) {
    const { damagedBlobs, damagedObjects, damagedManifests, damagedEntries } = result;
    const what = [
      formatCounted(damagedBlobs, 'blob'),
      formatCounted(damagedObjects, 'object'),
      formatCounted(damagedManifests, 'manifest'),
    ];
    const entriesLost = formatCounted(damagedEntries, 'entry', 'entries');
    lines.push(`damaged: ${what.join(', ')}; ${entriesLost} of versions cannot be read`);
    lines.push(...adviceLines(result));
  }
  if (leftovers > 0) lines.push(`${formatCounted(leftovers, 'leftover')}, for "waybill gc" to remove`);
  return `${lines.join('\n')}\n`;
}

/** What was done about damage, and what to do next. */
function adviceLines(result: CheckResult): string[] {
  const { damagedBlobs, damagedObjects, damagedEntries, damagedManifests, repaired } = result;
  const lines: string[] = [];
  const unrepaired = repaired === 0 && damagedBlobs + damagedObjects > 0;
  const putAgain = 'put the sources of the entries above again, which stores them anew for all versions';
  if (repaired > 0) {
    lines.push(
      `repaired: ${formatCount(repaired)} (damaged blobs forgotten, packs without an end written anew)`,
    );
  }
  if (unrepaired) lines.push(`next: run "waybill store check --repair"${damagedEntries > 0 ? ', then' : ''}`);
  if (damagedEntries > 0) lines.push(unrepaired ? `      ${putAgain}` : `next: ${putAgain}`);
  if (damagedManifests > 0) {
    lines.push(
      'next: put the sources of a version whose manifest is damaged again with --force, then delete that version',
    );
  }
  return lines;
}

export function rebuildText(result: RebuildResult, paint: Paint): string {
  const { packs, blobObjects, blobs, skipped, skippedCount } = result;
  const lines = [
    `index rebuilt: ${formatCounted(blobs, 'blob')} in ${formatCounted(packs, 'pack')} and ${formatCounted(blobObjects, 'single object')}`,
  ];
  for (const { key, message } of skipped)
    lines.push(`${paint('yellow', 'passed over')}  ${key}: ${displayMessage(message)}`);
  if (skippedCount > skipped.length) lines.push(`and ${formatCount(skippedCount - skipped.length)} more`);
  return `${lines.join('\n')}\n`;
}
