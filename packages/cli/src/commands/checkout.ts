import { parseVersionRef } from '@waybill/core';
import type { Command } from 'commander';
import { parseLocalPath } from '../check-argument.ts';
import { finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { showOperation } from '../progress-text.ts';
import { formatCounted } from '../text.ts';
import { getText } from './get.ts';

const EXAMPLES = [
  'waybill checkout photos:v3 ./photos',
  'waybill checkout photos:best ./photos          # the same folder again: what is not in the version goes',
  'waybill checkout photos ./my-photos --force    # take over a folder that checkout did not make',
];

interface CheckoutFlags {
  readonly force?: boolean;
  readonly json?: boolean;
}

export function defineCheckout(command: Command, run: RunAction): void {
  command
    .argument('<name>', 'version, as [[ENTITY/]PROJECT/]NAME[:ALIAS]; without ALIAS the latest')
    .argument('<dir>', 'folder that shall hold the version and nothing else')
    .option('--force', 'take over a folder that holds something and was not made by checkout');
  finishCommand(command, EXAMPLES).action(async (name: string, dir: string, flags: CheckoutFlags) => {
    await run(flags, async (context) => runCheckout(context, { name, dir, flags }));
  });
}

async function runCheckout(
  context: CommandContext,
  { name, dir, flags }: { name: string; dir: string; flags: CheckoutFlags },
): Promise<ExitCode> {
  const ref = parseVersionRef(name, context.config.names);
  const root = parseLocalPath('DIR', { path: dir, workingFolder: context.workingFolder });
  const ports = await context.open({ startThreads: true });
  const { checkoutVersion } = await import('@waybill/operations');
  using display = await context.openProgress();
  const result = await checkoutVersion(
    ports,
    { ref, root, force: flags.force === true },
    { signal: context.signal, onProgress: showOperation(display) },
  );
  display.clear();
  if (context.json) {
    const { root, entries, bytes, skipped, removed, foldersRemoved } = result;
    await context.report.members({ root, entries, bytes, skipped, removed, foldersRemoved });
    await context.report.end();
    return EXIT_CODES.done;
  }
  const { removed, foldersRemoved } = result;
  const gone =
    removed + foldersRemoved === 0
      ? ''
      : `  removed ${formatCounted(removed, 'file')} and ${formatCounted(foldersRemoved, 'emptied folder')}\n`;
  await context.output.write(getText({ ...result, root: dir }, context.paint) + gone);
  return EXIT_CODES.done;
}
