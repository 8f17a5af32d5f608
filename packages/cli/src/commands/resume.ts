import { formatArtifactName, type IngestRecord } from '@waybill/core';
import type { Command } from 'commander';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { ingestJson } from '../records-json.ts';
import { runIngest } from '../run-ingest.ts';
import { displayMessage, displayPath, formatCounted, formatMoment } from '../text.ts';

const EXAMPLES = ['waybill resume', 'waybill resume 707d9a710f424e7daac2b445'];

interface ResumeFlags {
  readonly json?: boolean;
}

interface Interrupted {
  readonly ingest: IngestRecord;
  readonly live: boolean;
}

export function defineResume(command: Command, run: RunAction): void {
  command
    .argument('[ingest]', 'ingest to finish; without it, interrupted ingests are listed')
    .addHelpText('after', '\nThe same "waybill put" again also continues its own ingest.');
  finishCommand(command, EXAMPLES).action(async (ingestId: string | undefined, flags: ResumeFlags) => {
    await run(flags, async (context) => {
      if (ingestId === undefined) await listOpen(context);
      else await finishOne(context, ingestId);
      return EXIT_CODES.done satisfies ExitCode;
    });
  });
}

async function finishOne(context: CommandContext, ingestId: string): Promise<void> {
  const ports = await context.open();
  const { resumeIngest } = await import('@waybill/pipeline');
  await runIngest(context, async (options) => resumeIngest(ports, { ingestId }, options));
}

async function listOpen(context: CommandContext): Promise<void> {
  const ports = await context.open();
  const { listInterrupted } = await import('@waybill/pipeline');
  const found = listInterrupted(ports, { entity: context.config.names.entity });
  if (context.json) {
    await context.report.array('ingests', jsonBlocks(found));
    await context.report.end();
    return;
  }
  let count = 0;
  for await (const one of found) {
    count += 1;
    await context.output.write(interruptedText(one));
  }
  if (count === 0) await context.output.write('no interrupted ingests\n');
}

async function* jsonBlocks(
  found: AsyncIterable<Interrupted>,
): AsyncGenerator<Readonly<Record<string, unknown>>[]> {
  for await (const { ingest, live } of found) yield [{ ...ingestJson(ingest), live }];
}

export function interruptedText({ ingest, live }: Interrupted): string {
  const { ingestId, artifact, state, sources, stats, error, createdAtMs } = ingest;
  const given = sources.map((source) => displayPath(source.given)).join(' ');
  const lines = [
    `${ingestId}  ${displayPath(formatArtifactName(artifact))}  ${live ? 'running now' : state.toLowerCase()}`,
    `  from ${given}, begun ${formatMoment(createdAtMs)}, ${formatCounted(stats.files, 'file')} done`,
  ];
  if (error !== undefined) lines.push(`  ${displayMessage(error.message).replaceAll('\n', '\n  ')}`);
  return `${lines.join('\n')}\n`;
}
