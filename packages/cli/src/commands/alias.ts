import { assertAlias, formatArtifactName, parseArtifactName } from '@waybill/core';
import type { Command } from 'commander';
import { checkArgument } from '../check-argument.ts';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { parseExplicitVersion } from '../name-arguments.ts';
import { versionJson } from '../records-json.ts';
import { aliasesText, versionName } from '../render-version.ts';
import { displayPath } from '../text.ts';

interface AliasFlags {
  readonly json?: boolean;
}

export function defineAlias(command: Command, run: RunAction): void {
  const add = command
    .command('add')
    .description('Give a version aliases; those that name another version move here.')
    .summary('give a version aliases, moving them')
    .argument('<name:version>', 'version, as [[ENTITY/]PROJECT/]NAME:VERSION')
    .argument('<alias...>', 'aliases; vN is reserved');
  finishCommand(add, ['waybill alias add photos:v3 best', 'waybill alias add photos:latest release 2026-05']);
  add.action(async (name: string, aliases: string[], flags: AliasFlags) => {
    await run(flags, async (context) => runAdd(context, name, aliases));
  });

  const remove = command
    .command('rm')
    .description('Remove aliases from an artifact, whichever versions they name.')
    .summary('remove aliases')
    .argument('<name>', 'artifact, as [[ENTITY/]PROJECT/]NAME')
    .argument('<alias...>', 'aliases');
  finishCommand(remove, [
    'waybill alias rm photos best',
    'waybill alias rm team/vision/photos release 2026-05',
  ]);
  remove.action(async (name: string, aliases: string[], flags: AliasFlags) => {
    await run(flags, async (context) => runRemove(context, name, aliases));
  });
}

async function runAdd(context: CommandContext, name: string, aliases: readonly string[]): Promise<ExitCode> {
  const ref = parseExplicitVersion(name, context.config.names);
  for (const alias of aliases) checkArgument('ALIAS', () => assertAlias(alias));
  const ports = await context.open();
  const { addAliases } = await import('@waybill/operations');
  const version = await addAliases(ports, { ref, aliases }, { signal: context.signal });
  if (context.json) {
    await context.report.members(versionJson(version));
    await context.report.end();
  } else {
    await context.output.write(`${versionName(version)} has the aliases ${aliasesText(version.aliases)}\n`);
  }
  return EXIT_CODES.done;
}

async function runRemove(
  context: CommandContext,
  name: string,
  aliases: readonly string[],
): Promise<ExitCode> {
  const artifact = parseArtifactName(name, context.config.names);
  for (const alias of aliases) checkArgument('ALIAS', () => assertAlias(alias));
  const ports = await context.open();
  const { removeAliases } = await import('@waybill/operations');
  const { removed, missing } = await removeAliases(ports, { artifact, aliases }, { signal: context.signal });
  if (context.json) {
    await context.report.members({ removed, missing });
    await context.report.end();
  } else {
    const subject = displayPath(formatArtifactName(artifact));
    if (removed.length > 0) await context.output.write(`removed ${aliasesText(removed)} from ${subject}\n`);
    if (missing.length > 0)
      await context.errors.write(`waybill: ${subject} has no alias ${aliasesText(missing)}\n`);
  }
  return missing.length === 0 ? EXIT_CODES.done : EXIT_CODES.notFound;
}
