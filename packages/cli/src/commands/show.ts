import { parseVersionRef, type VersionRecord } from '@waybill/core';
import type { ShowResult } from '@waybill/operations';
import type { Command } from 'commander';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { LEFT_OUT_SHOWN, leftOutPages } from '../left-out.ts';
import { artifactJson, ingestJson, noticeJson, sourceJson, versionJson } from '../records-json.ts';
import { aliasesText, contentText, factLines, leftOutLines, versionName } from '../render-version.ts';
import { displayMessage, displayPath, formatMoment, type Paint } from '../text.ts';

const EXAMPLES = ['waybill show photos', 'waybill show photos:v3 --json'];

interface ShowFlags {
  readonly json?: boolean;
}

export function defineShow(command: Command, run: RunAction): void {
  command.argument('<name>', 'version, as [[ENTITY/]PROJECT/]NAME[:ALIAS]; without ALIAS the latest');
  finishCommand(command, EXAMPLES).action(async (name: string, flags: ShowFlags) => {
    await run(flags, async (context) => runShow(context, name));
  });
}

async function runShow(context: CommandContext, name: string): Promise<ExitCode> {
  const { signal, report } = context;
  const ref = parseVersionRef(name, context.config.names);
  const ports = await context.open();
  const { showVersion } = await import('@waybill/operations');
  const shown = await showVersion(ports, { ref, noticesLimit: LEFT_OUT_SHOWN }, { signal });
  if (!context.json) {
    await context.output.write(showText(shown, context.paint));
    return EXIT_CODES.done;
  }
  const { version, artifact, ingest } = shown;
  const { leftOut: leftOutCount, ...members } = versionJson(version);
  await report.members({
    ...members,
    sources: version.sources.map(sourceJson),
    manifest: version.manifest,
    artifact: artifactJson(artifact),
    ingest: ingest === undefined ? null : ingestJson(ingest),
    leftOutCount,
  });
  const pages = leftOutPages(ports.catalog, version.ingestId, { signal });
  await report.array('leftOut', noticeBlocks(pages));
  await report.end();
  return EXIT_CODES.done;
}

async function* noticeBlocks(
  pages: ReturnType<typeof leftOutPages>,
): AsyncGenerator<Readonly<Record<string, unknown>>[]> {
  for await (const page of pages) yield page.map(noticeJson);
}

export function showText({ version, id, leftOut }: ShowResult, paint: Paint): string {
  const facts = factLines([
    ['type', version.type],
    ['id', id],
    ['aliases', aliasesText(version.aliases)],
    ['content', contentText(version)],
    ['digest', `${version.digest} (${version.digestAlgorithm})`],
    ['created', formatMoment(version.createdAtMs)],
    ['changed', version.updatedAtMs === version.createdAtMs ? undefined : formatMoment(version.updatedAtMs)],
    ['sources', sourcesText(version)],
    ['metadata', Object.keys(version.metadata).length === 0 ? undefined : metadataText(version)],
    [
      'description',
      version.description === undefined ? undefined : displayMessage(version.description.trimEnd()),
    ],
  ]);
  const notices = leftOutLines(
    { count: version.leftOutCount, shown: leftOut.items, hint: '--json lists all of them' },
    paint,
  );
  return `${paint('bold', versionName(version))}\n${facts}${notices}`;
}

function metadataText(version: VersionRecord): string {
  return displayMessage(JSON.stringify(version.metadata, undefined, 2));
}

function sourcesText(version: VersionRecord): string {
  return version.sources
    .map(({ given, kind, mode, into }) => {
      const place = into === '' ? '' : ` into ${displayPath(into)}`;
      const what = mode === 'reference' ? `${kind}, as references` : kind;
      return `${displayPath(given)} (${what}${place})`;
    })
    .join('\n');
}
