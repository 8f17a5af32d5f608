import { ArtifactError } from '@waybill/core';
import type { Command } from 'commander';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { parseExplicitVersion } from '../name-arguments.ts';
import { versionJson } from '../records-json.ts';
import { versionName } from '../render-version.ts';
import { readDescription, readMetadata } from '../text-argument.ts';

const EXAMPLES = [
  'waybill edit photos:v3 --description @notes.md',
  `waybill edit photos:v3 --metadata '{"camera": "X100", "licence": "CC0-1.0"}'`,
  'waybill edit photos:v3 --no-description',
];

interface EditFlags {
  /** `false` for `--no-description`. */
  readonly description?: string | false;
  readonly metadata?: string;
  readonly json?: boolean;
}

export function defineEdit(command: Command, run: RunAction): void {
  command
    .argument('<name:version>', 'version, as [[ENTITY/]PROJECT/]NAME:VERSION')
    .option('--description <text>', 'Markdown, or @FILE to read it from')
    .option('--no-description', 'remove the description')
    .option('--metadata <json>', 'JSON object in place of the present one, or @FILE to read it from')
    .addHelpText('after', '\nA version is immutable but for these two and its aliases.');
  finishCommand(command, EXAMPLES).action(async (name: string, flags: EditFlags) => {
    await run(flags, async (context) => runEdit(context, name, flags));
  });
}

async function runEdit(context: CommandContext, name: string, flags: EditFlags): Promise<ExitCode> {
  const ref = parseExplicitVersion(name, context.config.names);
  if (flags.description === undefined && flags.metadata === undefined) {
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      'nothing to change; give --description, --no-description or --metadata',
    );
  }
  const change = {
    ...(flags.description === undefined ? {} : { description: await describe(flags.description) }),
    ...(flags.metadata === undefined ? {} : { metadata: await readMetadata(flags.metadata) }),
  };
  const ports = await context.open();
  const { editVersion } = await import('@waybill/operations');
  const version = await editVersion(ports, { ref, ...change }, { signal: context.signal });
  if (context.json) {
    await context.report.members(versionJson(version));
    await context.report.end();
  } else {
    await context.output.write(`changed ${versionName(version)}\n`);
  }
  return EXIT_CODES.done;
}

async function describe(description: string | false): Promise<string | null> {
  return description === false ? null : readDescription(description);
}
