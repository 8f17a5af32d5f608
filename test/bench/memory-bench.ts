import type { BenchOptions, BenchRow } from './bench-report.ts';
import { makeLinks } from './make-tree.ts';
import { inFreshFolder } from './put-bench.ts';
import { runWaybill } from './waybill-command.ts';

const PEAK_MAX_MB = 400;

/** Peak resident size of `put`, which must not depend on the number of files. */
export async function runMemoryBench(options: BenchOptions): Promise<BenchRow[]> {
  const counts = options.tiny ? [2_000] : [1_000_000, 10_000_000];
  const rows: BenchRow[] = [];
  for (const count of counts) rows.push(await benchMemory(options, count));
  return rows;
}

async function benchMemory(options: BenchOptions, count: number): Promise<BenchRow> {
  const tree = makeLinks(options.folder, { count });
  const peaks: number[] = [];
  const seconds: number[] = [];
  // One round: a peak is a maximum, and ten million files take minutes.
  await inFreshFolder(options, async (home) => {
    const run = await runWaybill(['put', tree, '--name', 'bench', '--type', 'dataset', '--json'], home);
    peaks.push(run.peakMb);
    seconds.push(run.seconds);
  });
  return {
    name: `memory: put of ${count} files, few distinct contents, peak resident size`,
    unit: 'MB',
    ours: peaks,
    peerName: '',
    peer: [],
    required: { kind: 'at-most', value: PEAK_MAX_MB },
    note: `took ${seconds.map((value) => value.toFixed(1)).join(', ')} s`,
  };
}
