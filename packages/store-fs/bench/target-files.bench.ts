import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { createTargetFiles } from '../src/index.ts';

/**
 * Small files written per second by two threads into an empty folder, beside `cp -r`.
 * `node --conditions=source bench/target-files.bench.ts [FILES]`
 */

interface Share {
  readonly root: string;
  readonly from: number;
  readonly to: number;
}

const FILE_BYTES = 4_096;
const ROUNDS = 4;

function pathOf(index: number): string {
  return `folder-${Math.floor(index / 100)}/file-${index}`;
}

function writeShare({ root, from, to }: Share): void {
  using target = createTargetFiles().openRoot(root);
  const content = [new Uint8Array(FILE_BYTES).fill(7)];
  for (let index = from; index < to; index++) target.writeFile(pathOf(index), content, { replace: false });
}

async function inThreads(shares: readonly Share[]): Promise<void> {
  await Promise.all(
    shares.map((share) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const worker = new Worker(new URL(import.meta.url), { workerData: share });
      worker.once('error', reject);
      worker.once('exit', () => resolve());
      return promise;
    }),
  );
}

async function main(): Promise<void> {
  const files = Number(process.argv[2] ?? 1_000);
  const folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'));
  try {
    const source = join(folder, 'source');
    mkdirSync(source);
    writeShare({ root: source, from: 0, to: files });
    for (let round = 0; round < ROUNDS; round++) {
      const copied = join(folder, `cp-${round}`);
      const written = join(folder, `written-${round}`);
      mkdirSync(written);
      const start = performance.now();
      execFileSync('cp', ['-r', source, copied]);
      const between = performance.now();
      const half = Math.floor(files / 200) * 100;
      await inThreads([
        { root: written, from: 0, to: half },
        { root: written, from: half, to: files },
      ]);
      const end = performance.now();
      const rate = (ms: number): string => `${(files / ms).toFixed(1)}k files/s`;
      const ratio = (between - start) / (end - between);
      console.log(`cp -r ${rate(between - start)}, two threads ${rate(end - between)}, ${ratio.toFixed(2)}x`);
      for (const done of [copied, written]) rmSync(done, { recursive: true });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (isMainThread) await main();
else writeShare(workerData as Share);
