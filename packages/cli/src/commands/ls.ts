import { ArtifactError, type ArtifactRecord, parseArtifactName, parseVersionRef } from '@waybill/core';
import type { ListEntriesResult, ListedEntry, Paged } from '@waybill/operations';
import type { Command } from 'commander';
import { checkArgument, parseFolder } from '../check-argument.ts';
import { finishCommand, parsePositive, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { artifactJson } from '../records-json.ts';
import { versionName } from '../render-version.ts';
import {
  displayPath,
  formatBytes,
  formatMoment,
  formatTable,
  formatTitledTable,
  type Paint,
} from '../text.ts';

const EXAMPLES = [
  'waybill ls',
  'waybill ls photos',
  'waybill ls photos:v3 2026/may',
  'waybill ls photos --limit 100 --after 2026/may/img_0100.jpg',
];

const ITEMS_DEFAULT = 1_000;
const ITEMS_MAX = 100_000;

interface LsFlags {
  readonly project?: string;
  readonly limit: number;
  readonly after?: string;
  readonly json?: boolean;
}

export function defineLs(command: Command, run: RunAction): void {
  command
    .argument('[name]', 'version, as [[ENTITY/]PROJECT/]NAME[:ALIAS]; without it, artifacts are listed')
    .argument('[prefix]', 'folder or entry of the version')
    .option('--project <project>', 'list only artifacts of this project')
    .option('--limit <count>', 'items of one page', parsePositive('--limit', ITEMS_MAX), ITEMS_DEFAULT)
    .option('--after <item>', 'go on behind this item; the end of a page tells which');
  finishCommand(command, EXAMPLES).action(
    async (name: string | undefined, prefix: string | undefined, flags: LsFlags) => {
      await run(flags, async (context) => {
        if (name === undefined) await listArtifactPage(context, flags);
        else await listEntryPage(context, { name, prefix: prefix ?? '', flags });
        return EXIT_CODES.done satisfies ExitCode;
      });
    },
  );
}

async function listArtifactPage(context: CommandContext, flags: LsFlags): Promise<void> {
  const after =
    flags.after === undefined ? undefined : parsePositive('--after', Number.MAX_SAFE_INTEGER)(flags.after);
  const { entity } = context.config.names;
  const project = flags.project === undefined ? undefined : parseProject(flags.project);
  const scope = { entity, ...(project === undefined ? {} : { project }) };
  const ports = await context.open();
  const { listArtifacts } = await import('@waybill/operations');
  const page = await listArtifacts(
    ports,
    { ...scope, after, limit: flags.limit },
    { signal: context.signal },
  );
  if (context.json) {
    await context.report.members({ artifacts: page.items.map(artifactJson), next: page.next ?? null });
    await context.report.end();
    return;
  }
  await context.output.write(artifactsText(page, { project, after, paint: context.paint }));
}

async function listEntryPage(
  context: CommandContext,
  { name, prefix, flags }: { name: string; prefix: string; flags: LsFlags },
): Promise<void> {
  if (flags.project !== undefined) {
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      '--project is for listing artifacts; give the project with the name, as in PROJECT/NAME',
    );
  }
  const ref = parseVersionRef(name, context.config.names);
  const folder = parsePrefix(prefix);
  const ports = await context.open();
  const { listEntries } = await import('@waybill/operations');
  const request = { ref, prefix: folder, after: flags.after, limit: flags.limit };
  const page = await listEntries(ports, request, { signal: context.signal });
  if (context.json) {
    await context.report.members({
      version: `v${page.version.index}`,
      entries: page.items.map(listedEntryJson),
      next: page.next ?? null,
    });
    await context.report.end();
    return;
  }
  await context.output.write(entriesText(page, { after: flags.after, paint: context.paint }));
}

/** A project is checked as the part of a name that it is. */
function parseProject(project: string): string {
  return checkArgument('--project', () => parseArtifactName('any', { entity: 'any', project })).project;
}

/** A slash at the end asks for a folder and not for a file of that name, so it stays. */
function parsePrefix(prefix: string): string {
  const path = parseFolder('PREFIX', prefix);
  return path !== '' && prefix.endsWith('/') ? `${path}/` : path;
}

export function artifactsText(
  page: Paged<ArtifactRecord, number>,
  { project, after, paint }: { project: string | undefined; after: number | undefined; paint: Paint },
): string {
  if (page.items.length === 0) {
    if (after !== undefined) return `no artifacts behind ${after}\n`;
    if (project !== undefined) return `project ${project} has no artifacts\n`;
    return 'no artifacts yet; "waybill put PATH --name NAME --type TYPE" makes one\n';
  }
  const rows = page.items.map((artifact) => [
    artifact.type,
    artifact.latestIndex === undefined ? '-' : `v${artifact.latestIndex}`,
    String(artifact.versionCount),
    formatMoment(artifact.updatedAtMs),
    displayPath(`${artifact.entity}/${artifact.project}/${artifact.name}`),
  ]);
  const titles = ['TYPE', 'LATEST', 'VERSIONS', 'CHANGED', 'NAME'];
  const table = formatTitledTable(rows, { titles, align: ['left', 'left', 'right'], paint });
  return table + nextText(page.next, paint);
}

export function entriesText(
  page: ListEntriesResult,
  { after, paint }: { after: string | undefined; paint: Paint },
): string {
  if (page.items.length === 0) {
    const where = after === undefined ? 'here' : `behind ${displayPath(after)} here`;
    return `${versionName(page.version)} has no entries ${where}\n`;
  }
  const rows = page.items.map((item) =>
    item.kind === 'folder'
      ? ['', paint('bold', displayPath(item.path))]
      : [item.entry.sizeBytes === undefined ? '?' : formatBytes(item.entry.sizeBytes), fileText(item)],
  );
  return formatTable(rows, ['right', 'left']) + nextText(page.next, paint);
}

function fileText({ path, entry }: Extract<ListedEntry, { kind: 'file' }>): string {
  return entry.ref === undefined ? displayPath(path) : `${displayPath(path)} -> ${displayPath(entry.ref)}`;
}

function nextText(next: string | number | undefined, paint: Paint): string {
  if (next === undefined) return '';
  return `${paint('dim', `there is more: go on with --after ${shellWord(String(next))}`)}\n`;
}

/** A word as a POSIX shell reads it back. */
export function shellWord(text: string): string {
  if (/^[\w./:=@%+,-]+$/.test(text)) return text;
  if (!/\p{Cc}/u.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = text.replaceAll(/[\p{Cc}\\']/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x80
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `$'${escaped}'`;
}

function listedEntryJson(item: ListedEntry): Readonly<Record<string, unknown>> {
  if (item.kind === 'folder') return { kind: 'folder', path: item.path };
  const { digest, sizeBytes, ref } = item.entry;
  return {
    kind: 'file',
    path: item.path,
    digest,
    size: sizeBytes ?? null,
    ...(ref === undefined ? {} : { ref }),
  };
}
