import type { CollectReport } from '@waybill/operations';
import type { Command } from 'commander';
import { checkArgument } from '../check-argument.ts';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { parseDurationMs } from '../duration.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { COLLECT_UNITS, showOperation } from '../progress-text.ts';
import { factLines } from '../render-version.ts';
import { displayMessage, displayPath, formatBytes, formatCount, formatCounted, type Paint } from '../text.ts';

const EXAMPLES = [
  'waybill gc --dry-run',
  'waybill gc',
  'waybill gc --grace 0   # when nobody reads meanwhile',
];

/** Longer than anybody reads a version while its contents are reclaimed. */
const GRACE_DEFAULT = '1d';

interface GcFlags {
  readonly dryRun?: boolean;
  readonly grace: string;
  readonly json?: boolean;
}

export function defineGc(command: Command, run: RunAction): void {
  command
    .option('--dry-run', 'change nothing, say what would be done')
    .option(
      '--grace <duration>',
      'how long blobs stay after nothing needs them: 0, 45s, 30m, 12h, 7d, 2w; a bare number is seconds',
      GRACE_DEFAULT,
    )
    .addHelpText(
      'after',
      '\nWhat an ingest that is under way or interrupted may rely on is kept: finish or cancel it first.',
    );
  finishCommand(command, EXAMPLES).action(async (flags: GcFlags) => {
    await run(flags, async (context) => runGc(context, flags));
  });
}

async function runGc(context: CommandContext, flags: GcFlags): Promise<ExitCode> {
  const graceMs = checkArgument('--grace', () => parseDurationMs(flags.grace));
  const dryRun = flags.dryRun === true;
  const ports = await context.open();
  const { collectGarbage } = await import('@waybill/operations');
  using display = await context.openProgress();
  const options = { signal: context.signal, onProgress: showOperation(display, COLLECT_UNITS) };
  const reports = await collectGarbage(ports, { dryRun, graceMs }, options);
  display.clear();
  if (context.json) {
    await context.report.members({ dryRun, graceSeconds: graceMs / 1_000, entities: reports });
    await context.report.end();
  } else {
    await context.output.write(collectText(reports, { dryRun, paint: context.paint }));
  }
  return EXIT_CODES.done;
}

export function collectText(
  reports: readonly CollectReport[],
  { dryRun, paint }: { dryRun: boolean; paint: Paint },
): string {
  if (reports.length === 0) return 'nothing is stored yet\n';
  const done = (verb: string) => (dryRun ? `would ${verb}` : verb === 'reclaim' ? 'reclaimed' : `${verb}ed`);
  return reports
    .map((report) => {
      const { objectsRemoved, bytesRemoved, blobsCondemned, bytesCondemned, objectsInGrace } = report;
      const condemned = `${formatCounted(blobsCondemned, 'blob')} (${formatBytes(bytesCondemned)})`;
      const waiting = `${formatCounted(objectsInGrace, 'object')} (${formatBytes(report.bytesInGrace)})`;
      const leftovers = report.manifestsRemoved + report.stagingRemoved;
      const facts = factLines([
        ['kept', formatCounted(report.versionsKept, 'version')],
        [done('condemn'), condemned],
        [done('reclaim'), `${formatBytes(bytesRemoved)} in ${formatCounted(objectsRemoved, 'object')}`],
        ['in grace', objectsInGrace === 0 ? undefined : waiting],
        ['packs rewritten', countOrNone(report.packsRewritten)],
        ['leftovers', countOrNone(leftovers)],
        ['unknown objects', orphansText(report)],
        ['damaged packs', report.packsDamaged.length === 0 ? undefined : report.packsDamaged.join('\n')],
        ['open ingests', countOrNone(report.openIngests)],
      ]);
      const advice = report.advice === '' ? '' : `${paint('yellow', displayMessage(report.advice))}\n`;
      return `${paint('bold', displayPath(report.entity))}\n${facts}${advice}`;
    })
    .join('');
}

/** Objects that the index did not know of. */
function orphansText({ orphansAdopted, orphansRemoved, orphansLeft }: CollectReport): string | undefined {
  const parts = Object.entries({
    'taken in': orphansAdopted,
    removed: orphansRemoved,
    'left alone': orphansLeft,
  })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${formatCount(count)} ${what}`);
  return parts.length === 0 ? undefined : parts.join(', ');
}

function countOrNone(count: number): string | undefined {
  return count === 0 ? undefined : formatCount(count);
}
