import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchOptions, BenchRow } from './bench-report.ts';
import { makeFiles, makeLinks } from './make-tree.ts';
import { runProcess } from './run-process.ts';
import { findWandbPython, timeAddDir } from './wandb-peer.ts';
import { runWaybill } from './waybill-command.ts';

/** `put` of many small files beside the Python client's `add_dir`; of unchanged files beside `find`. */
export async function runPutBench(options: BenchOptions): Promise<BenchRow[]> {
  return [
    await benchColdPut(options, { mode: 'store', required: 12 }),
    await benchColdPut(options, { mode: 'reference', required: 8 }),
    await benchUnchanged(options),
  ];
}

async function benchColdPut(
  options: BenchOptions,
  row: { mode: 'store' | 'reference'; required: number },
): Promise<BenchRow> {
  const count = options.tiny ? 500 : 50_000;
  const tree = makeFiles(options.folder, { count, sizeBytes: 4_096 });
  const python = findWandbPython();
  const policy = row.mode === 'store' ? 'mutable' : 'immutable';
  const source = row.mode === 'store' ? tree : `file://${tree}`;
  const ours: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    await inFreshFolder(options, async (home) => {
      readAll(tree);
      const run = await runWaybill(['put', source, '--name', 'bench', '--type', 'dataset', '--json'], home);
      ours.push(count / run.seconds);
    });
    if (python === undefined) continue;
    await inFreshFolder(options, async (scratch) => {
      readAll(tree);
      peer.push(count / (await timeAddDir(python, { tree, policy, scratch })));
    });
  }
  return {
    name: `put: ${count} files of 4 KiB, cold ${row.mode}, whole process`,
    unit: 'files/s',
    ours,
    peerName: `wandb add_dir policy="${policy}"`,
    peer,
    required: { kind: 'ratio-at-least', value: row.required },
    ...(python === undefined ? { note: 'peer missing: set WANDB_PYTHON to a Python that has wandb' } : {}),
  };
}

/** Both begin with the source in the page cache: what the system has evicted since the last round is chance. */
function readAll(tree: string): void {
  execFileSync('find', [tree, '-type', 'f', '-exec', 'cat', '{}', '+'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function benchUnchanged(options: BenchOptions): Promise<BenchRow> {
  const count = options.tiny ? 2_000 : 1_000_000;
  const tree = makeLinks(options.folder, { count });
  const ours: number[] = [];
  const peer: number[] = [];
  await inFreshFolder(options, async (home) => {
    const put = ['put', tree, '--name', 'bench', '--type', 'dataset', '--json'];
    await runWaybill(put, home);
    for (let round = 0; round < options.rounds; round++) {
      const run = await runWaybill(put, home);
      if (!run.stdout.includes('"created":false'))
        throw new Error('the second put of unchanged files made a version');
      ours.push(run.seconds);
      peer.push((await runProcess('find', [tree, '-printf', '%s %T@ %C@\\n'])).seconds);
    }
  });
  // The limit is 2.5 times the peer and 0.3 s; the constant is moved to our side of the ratio.
  return {
    name: `put: ${count} unchanged files, whole process, less 0.3 s`,
    unit: 's',
    ours: ours.map((seconds) => Math.max(0, seconds - 0.3)),
    peerName: 'find -printf "%s %T@ %C@"',
    peer,
    required: { kind: 'ratio-at-most', value: 2.5 },
  };
}

/** An empty folder on the measured file system; earlier writes are on disk before anything is timed. */
export async function inFreshFolder(
  options: BenchOptions,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = join(options.folder, `fresh-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync('sync');
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
