import { parseVersionRef } from '@waybill/core';
import type { CatResult } from '@waybill/operations';
import type { Command } from 'commander';
import { parseEntryPath, parseLocalPath } from '../check-argument.ts';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { writeOutputFile } from '../file-output.ts';

const EXAMPLES = [
  'waybill cat photos labels.csv | head -3',
  'waybill cat photos:v3 2026/may/img_0001.jpg -o img.jpg',
  'waybill cat photos labels.csv --json | jq -r .content | base64 -d',
];

interface CatFlags {
  readonly output?: string;
  readonly json?: boolean;
}

export function defineCat(command: Command, run: RunAction): void {
  command
    .argument('<name>', 'version, as [[ENTITY/]PROJECT/]NAME[:ALIAS]; without ALIAS the latest')
    .argument('<path>', 'path of the entry')
    .option('-o, --output <file>', 'write into this file; it appears only when all of it is right')
    .addHelpText(
      'after',
      '\nThe content is verified while it is written. Exit code 4 means: what came out is not to be used.',
    );
  finishCommand(command, EXAMPLES).action(async (name: string, path: string, flags: CatFlags) => {
    await run(flags, async (context) => runCat(context, { name, path, flags }));
  });
}

async function runCat(
  context: CommandContext,
  { name, path, flags }: { name: string; path: string; flags: CatFlags },
): Promise<ExitCode> {
  const { signal, workingFolder } = context;
  const ref = parseVersionRef(name, context.config.names);
  const entryPath = parseEntryPath('PATH', path);
  const file =
    flags.output === undefined
      ? undefined
      : parseLocalPath('--output', { path: flags.output, workingFolder });
  const ports = await context.open();
  const { catEntry } = await import('@waybill/operations');
  const found = await catEntry(ports, { ref, path: entryPath }, { signal });
  if (context.json) {
    await reportJson(context, found, file);
  } else if (file !== undefined) {
    await writeOutputFile(file, found.chunks, { signal });
  } else {
    for await (const chunk of found.chunks) await context.output.write(chunk);
  }
  return EXIT_CODES.done;
}

async function reportJson(
  { report, signal }: CommandContext,
  { version, entry, chunks }: CatResult,
  file: string | undefined,
): Promise<void> {
  const bytes = file === undefined ? undefined : await writeOutputFile(file, chunks, { signal });
  await report.members({
    version: `v${version.index}`,
    path: entry.path,
    digest: entry.digest,
    size: bytes ?? entry.sizeBytes ?? null,
    file,
  });
  if (file === undefined) {
    await report.members({ encoding: 'base64' });
    await report.base64('content', chunks);
  }
  await report.end();
}
