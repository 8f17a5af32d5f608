import type { Command } from 'commander';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { parseExplicitVersion } from '../name-arguments.ts';
import { versionJson } from '../records-json.ts';
import { contentText, versionName } from '../render-version.ts';

const EXAMPLES = ['waybill delete photos:v3', 'waybill delete photos:best --delete-aliases'];

interface DeleteFlags {
  readonly deleteAliases?: boolean;
  readonly json?: boolean;
}

export function defineDelete(command: Command, run: RunAction): void {
  command
    .argument('<name:version>', 'version, as [[ENTITY/]PROJECT/]NAME:VERSION')
    .option('--delete-aliases', 'delete it even when aliases name it, and these with it')
    .addHelpText(
      'after',
      '\nThe version is gone at once and for good, its number is not used again; "waybill gc" reclaims the space.',
    );
  finishCommand(command, EXAMPLES).action(async (name: string, flags: DeleteFlags) => {
    await run(flags, async (context) => runDelete(context, name, flags));
  });
}

async function runDelete(context: CommandContext, name: string, flags: DeleteFlags): Promise<ExitCode> {
  const ref = parseExplicitVersion(name, context.config.names);
  const ports = await context.open();
  const { deleteVersion } = await import('@waybill/operations');
  const request = { ref, deleteAliases: flags.deleteAliases === true };
  const version = await deleteVersion(ports, request, { signal: context.signal });
  if (context.json) {
    await context.report.members(versionJson(version));
    await context.report.end();
  } else {
    await context.output.write(
      `deleted ${versionName(version)} (${contentText(version)}); "waybill gc" reclaims what only it needed\n`,
    );
  }
  return EXIT_CODES.done;
}
