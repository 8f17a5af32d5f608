import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchOptions, BenchRow } from './bench-report.ts';
import { makeFiles } from './make-tree.ts';
import { inFreshFolder } from './put-bench.ts';
import { runProcess } from './run-process.ts';
import { runWaybill } from './waybill-command.ts';

/** `get` of many small files into an empty folder, digests verified, beside `cp -r` of the source. */
export async function runGetBench(options: BenchOptions): Promise<BenchRow[]> {
  const count = options.tiny ? 500 : 50_000;
  const tree = makeFiles(options.folder, { count, sizeBytes: 4_096 });
  const ours: number[] = [];
  const peer: number[] = [];
  await inFreshFolder(options, async (folder) => {
    const home = join(folder, 'home');
    await runWaybill(['put', tree, '--name', 'bench', '--type', 'dataset', '--json'], home);
    for (let round = 0; round < options.rounds; round++) {
      const got = join(folder, 'got');
      const copied = join(folder, 'copied');
      ours.push(count / (await runWaybill(['get', 'bench', '--root', got, '--json'], home)).seconds);
      rmSync(got, { recursive: true });
      peer.push(count / (await runProcess('cp', ['-r', tree, copied])).seconds);
      rmSync(copied, { recursive: true });
    }
  });
  return [
    {
      name: `get: ${count} files of 4 KiB into an empty folder, verified, whole process`,
      unit: 'files/s',
      ours,
      peerName: 'cp -r',
      peer,
      required: { kind: 'ratio-at-least', value: 0.7 },
    },
  ];
}
