import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchOptions, BenchRow } from './bench-report.ts';
import { inFreshFolder } from './put-bench.ts';
import { runProcess } from './run-process.ts';
import { runWaybill } from './waybill-command.ts';

const START_MAX_MS = 200;

/** `waybill ls` on a small catalog, beside an empty Node process. */
export async function runStartupBench(options: BenchOptions): Promise<BenchRow[]> {
  const ours: number[] = [];
  const peer: number[] = [];
  await inFreshFolder(options, async (folder) => {
    const home = join(folder, 'home');
    const file = join(folder, 'file.txt');
    writeFileSync(file, 'hello');
    await runWaybill(['put', file, '--name', 'bench', '--type', 'dataset', '--json'], home);
    for (let round = 0; round < options.rounds * 3; round++) {
      ours.push((await runWaybill(['ls'], home)).seconds * 1000);
      peer.push((await runProcess(process.execPath, ['-e', '0'])).seconds * 1000);
    }
  });
  return [
    {
      name: 'start-up: `waybill ls` on a small catalog',
      unit: 'ms',
      ours,
      peerName: 'node -e 0',
      peer,
      required: { kind: 'at-most', value: START_MAX_MS },
    },
  ];
}
