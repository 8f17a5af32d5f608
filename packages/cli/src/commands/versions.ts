import { parseArtifactName, type VersionRecord } from '@waybill/core';
import type { Paged } from '@waybill/operations';
import type { Command } from 'commander';
import { finishCommand, parsePositive, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { versionJson } from '../records-json.ts';
import { aliasesText } from '../render-version.ts';
import { formatBytes, formatCount, formatMoment, formatTitledTable, type Paint } from '../text.ts';

const EXAMPLES = ['waybill versions photos', 'waybill versions team/vision/photos --limit 10 --after 42'];

const VERSIONS_DEFAULT = 100;
const VERSIONS_MAX = 10_000;

interface VersionsFlags {
  readonly limit: number;
  readonly after?: number;
  readonly json?: boolean;
}

export function defineVersions(command: Command, run: RunAction): void {
  const parseIndex = parsePositive('--after', Number.MAX_SAFE_INTEGER);
  command
    .argument('<name>', 'artifact, as [[ENTITY/]PROJECT/]NAME')
    .option(
      '--limit <count>',
      'versions of one page',
      parsePositive('--limit', VERSIONS_MAX),
      VERSIONS_DEFAULT,
    )
    .option(
      '--after <number>',
      'go on behind this version (newest first); the end of a page tells which',
      (text) => parseIndex(text.replace(/^v/, '')),
    );
  finishCommand(command, EXAMPLES).action(async (name: string, flags: VersionsFlags) => {
    await run(flags, async (context) => runVersions(context, name, flags));
  });
}

async function runVersions(context: CommandContext, name: string, flags: VersionsFlags): Promise<ExitCode> {
  const artifact = parseArtifactName(name, context.config.names);
  const ports = await context.open();
  const { listVersions } = await import('@waybill/operations');
  const request = { artifact, after: flags.after, limit: flags.limit };
  const page = await listVersions(ports, request, { signal: context.signal });
  if (context.json) {
    await context.report.members({ versions: page.items.map(versionJson), next: page.next ?? null });
    await context.report.end();
  } else {
    await context.output.write(versionsText(page, context.paint));
  }
  return EXIT_CODES.done;
}

export function versionsText(page: Paged<VersionRecord, number>, paint: Paint): string {
  const rows = page.items.map((version) => [
    `v${version.index}`,
    formatCount(version.entryCount),
    formatBytes(version.sizeBytes),
    formatMoment(version.createdAtMs),
    version.state === 'DELETED'
      ? '(deleted)'
      : version.aliases.length === 0
        ? ''
        : aliasesText(version.aliases),
  ]);
  const titles = ['VERSION', 'ENTRIES', 'SIZE', 'CREATED', 'ALIASES'];
  const table = formatTitledTable(rows, { titles, align: ['left', 'right', 'right'], paint });
  const next =
    page.next === undefined ? '' : `${paint('dim', `there is more: go on with --after ${page.next}`)}\n`;
  return table + next;
}
