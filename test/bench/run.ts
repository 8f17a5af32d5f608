import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHashBench } from '../../packages/hashing/bench/hash-bench.ts';
import { runManifestBench } from '../../packages/manifest-file/bench/manifest-bench.ts';
import { type BenchOptions, type BenchRow, isMet, printMachine, printRow } from './bench-report.ts';
import { runGetBench } from './get-bench.ts';
import { runMemoryBench } from './memory-bench.ts';
import { runPutBench } from './put-bench.ts';
import { runStartupBench } from './startup-bench.ts';

const SUITES: Readonly<Record<string, (options: BenchOptions) => Promise<BenchRow[]>>> = {
  hash: runHashBench,
  manifest: runManifestBench,
  put: runPutBench,
  get: runGetBench,
  memory: runMemoryBench,
  startup: runStartupBench,
};

const ROUNDS = 5;

/** `npm run bench -- [SUITE...] [--tiny]`: all suites unless some are named. Exit status 1 when a row is not met. */
async function main(args: readonly string[]): Promise<number> {
  const tiny = args.includes('--tiny');
  const named = args.filter((argument) => !argument.startsWith('--'));
  const unknown = named.filter((name) => !(name in SUITES));
  if (unknown.length > 0) {
    process.stderr.write(
      `unknown suite ${unknown.join(', ')}; there are ${Object.keys(SUITES).join(', ')}\n`,
    );
    return 2;
  }
  const folder = process.env['WAYBILL_BENCH_FOLDER'] ?? join(tmpdir(), 'waybill-bench');
  mkdirSync(folder, { recursive: true });
  printMachine();
  let allMet = true;
  for (const [name, suite] of Object.entries(SUITES)) {
    if (named.length > 0 && !named.includes(name)) continue;
    for (const row of await suite({ tiny, rounds: tiny ? 1 : ROUNDS, folder })) {
      printRow(row);
      allMet &&= isMet(row);
    }
  }
  return allMet || tiny ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
