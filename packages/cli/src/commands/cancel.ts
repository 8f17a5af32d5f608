import type { Command } from 'commander';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { ingestJson } from '../records-json.ts';

const EXAMPLES = ['waybill cancel 707d9a710f424e7daac2b445'];

interface CancelFlags {
  readonly json?: boolean;
}

export function defineCancel(command: Command, run: RunAction): void {
  command
    .argument('<ingest>', 'ingest to give up; "waybill resume" lists them')
    .addHelpText(
      'after',
      '\nAn ingest that runs now stops soon. "waybill gc" reclaims what was stored for it and nothing else needs.',
    );
  finishCommand(command, EXAMPLES).action(async (ingestId: string, flags: CancelFlags) => {
    await run(flags, async (context) => runCancel(context, ingestId));
  });
}

async function runCancel(context: CommandContext, ingestId: string): Promise<ExitCode> {
  const ports = await context.open();
  const { cancelIngest } = await import('@waybill/pipeline');
  const ingest = await cancelIngest(ports, { ingestId });
  if (context.json) {
    await context.report.members(ingestJson(ingest));
    await context.report.end();
  } else {
    const done = ingest.state === 'CANCELLED' ? 'is cancelled' : 'was told to stop';
    await context.output.write(`ingest ${ingest.ingestId} ${done}\n`);
  }
  return EXIT_CODES.done;
}
