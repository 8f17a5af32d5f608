import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ProcessRun, runProcess } from './run-process.ts';

const BIN = fileURLToPath(new URL('../../packages/cli/dist/bundle/bin.js', import.meta.url));

/** Runs the built command as `npx waybill` does, its first line and the pinned Node included, with a home of its own. */
export async function runWaybill(args: readonly string[], home: string): Promise<ProcessRun> {
  const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  return runProcess(BIN, args, { env: { WAYBILL_HOME: home, PATH: path } });
}
