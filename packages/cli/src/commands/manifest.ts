import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { ArtifactError, parseVersionRef } from '@waybill/core';
import type { ManifestFormat } from '@waybill/operations';
import type { Command } from 'commander';
import { parseLocalPath } from '../check-argument.ts';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { writeOutputFile, writeScratchFile } from '../file-output.ts';
import { showOperation } from '../progress-text.ts';
import { versionName } from '../render-version.ts';
import { displayPath, formatBytes, formatCounted } from '../text.ts';

const EXAMPLES = [
  'waybill manifest photos > wandb_manifest.json',
  'waybill manifest photos:v3 --format ndjson | jq -r .path',
  'waybill manifest photos --format parquet -o photos.parquet',
];

const FORMATS: readonly ManifestFormat[] = ['wandb-json', 'ndjson', 'parquet'];

interface ManifestFlags {
  readonly format: string;
  readonly output?: string;
  readonly json?: boolean;
}

export function defineManifest(command: Command, run: RunAction): void {
  command
    .argument('<name>', 'version, as [[ENTITY/]PROJECT/]NAME[:ALIAS]; without ALIAS the latest')
    .option('--format <format>', `one of ${FORMATS.join(', ')}`, 'wandb-json')
    .option('-o, --output <file>', 'write into this file instead of standard output')
    .addHelpText(
      'after',
      '\nWith --json and -o, a report on the file is printed; with --json alone, the manifest itself as wandb-json.',
    );
  finishCommand(command, EXAMPLES).action(async (name: string, flags: ManifestFlags) => {
    await run(flags, async (context) => runManifest(context, name, flags));
  });
}

async function runManifest(context: CommandContext, name: string, flags: ManifestFlags): Promise<ExitCode> {
  const { signal, output, report, workingFolder } = context;
  const ref = parseVersionRef(name, context.config.names);
  const format = parseFormat(flags);
  const file =
    flags.output === undefined
      ? undefined
      : parseLocalPath('--output', { path: flags.output, workingFolder });
  const ports = await context.open();
  const { exportManifest, resolveVersion } = await import('@waybill/operations');
  const version = await resolveVersion(ports, ref, { signal });
  // By number: an alias may move between the two looks.
  const fixed = { ...ref, alias: `v${version.index}` };
  using display = await context.openProgress();
  const options = { signal, onProgress: showOperation(display) };
  const chunks = exportManifest(ports, { ref: fixed, format }, options);
  if (file === undefined) {
    const whole = context.json ? readAhead(chunks, { folder: ports.scratchFolder, signal }) : chunks;
    for await (const chunk of whole) await output.write(chunk);
    return EXIT_CODES.done;
  }
  const bytes = await writeOutputFile(file, chunks, { signal });
  display.clear();
  if (context.json) {
    await report.members({ version: `v${version.index}`, format, file, entries: version.entryCount, bytes });
    await report.end();
  } else {
    const content = `${formatCounted(version.entryCount, 'entry', 'entries')}, ${formatBytes(bytes)}`;
    await output.write(
      `${versionName(version)}: ${format} manifest in ${displayPath(flags.output ?? file)}, ${content}\n`,
    );
  }
  return EXIT_CODES.done;
}

/**
 * The same bytes, of which none leaves before the last one is known to be right: `--json` promises one object, and half
 * a manifest in front of an `error` could be taken for a whole one.
 */
async function* readAhead(
  chunks: AsyncIterable<Uint8Array>,
  { folder, signal }: { folder: string; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const file = join(folder, 'manifest.json');
  await writeScratchFile(file, { chunks, signal });
  yield* createReadStream(file, { signal });
}

function parseFormat({ format: text, output, json }: ManifestFlags): ManifestFormat {
  const format = FORMATS.find((known) => known === text);
  if (format === undefined) {
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      `--format: manifest format ${JSON.stringify(text)} is unknown; use one of ${FORMATS.join(', ')}`,
    );
  }
  if (json === true && output === undefined && format !== 'wandb-json') {
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      `--json promises one JSON object on standard output, which ${format} is not; add -o FILE or leave --json out`,
    );
  }
  return format;
}
