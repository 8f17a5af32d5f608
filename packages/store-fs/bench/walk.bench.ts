import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalSource, createSourceFiles, type RunWalk, walkInThread } from '../src/index.ts';
import { printRate, times } from './measure.ts';
import { WalkThreads } from './walk-threads.ts';

/**
 * Names per second of the walk on one thread, beside `find`, and stats per second beside `find -printf`.
 * `node --conditions=source bench/walk.bench.ts [FOLDER]`; without a folder, on a small tree of its own.
 */

const ROUNDS = 3;
const here: RunWalk = async (input) => structuredClone(walkInThread(input));
const given = process.argv[2];
const root = given ?? smallTree();
try {
  await using threads = new WalkThreads(2);
  for (let round = 0; round < ROUNDS; round++) {
    bench('find -type f', () => countLines(['-type', 'f', '-printf', '\\n']));
    await walk('walk', { exclude: [], run: here });
    await walk('walk, two threads', { exclude: [], run: threads.run });
    await walk('walk, names matched with a glob', { exclude: ['**/*.nothing'], run: here });
    bench("find -printf '%s %T@ %C@\\n'", () => countLines(['-type', 'f', '-printf', '%s %T@ %C@\\n']));
    await walkWithStats();
  }
} finally {
  if (given === undefined) rmSync(root, { recursive: true });
}

function smallTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'));
  for (let index = 0; index < 2_000; index++) {
    const parent = join(folder, `folder-${index % 20}`);
    mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `file-${index}`), '');
  }
  return folder;
}

function countLines(args: readonly string[]): number {
  return execFileSync('find', [root, ...args], { maxBuffer: 2e9 }).filter((byte) => byte === 10).length;
}

function bench(name: string, work: () => number): void {
  const start = times();
  const count = work();
  printRate(name, { count, unit: 'names', start });
}

interface Walk {
  readonly exclude: readonly string[];
  readonly run: RunWalk;
}

async function* chunks({ exclude, run }: Walk): AsyncGenerator<{ names: Uint8Array; count: number }> {
  const source = createLocalSource({ run, scratchFolder: join(tmpdir(), 'waybill-bench-scratch') });
  const options = { include: [], exclude, followLinks: true };
  yield* source.walk({ kind: 'directory', mode: 'store', given: root, path: root, into: '' }, options);
}

async function walk(name: string, options: Walk): Promise<void> {
  const start = times();
  let count = 0;
  for await (const chunk of chunks(options)) count += chunk.count;
  printRate(name, { count, unit: 'names', start });
}

async function walkWithStats(): Promise<void> {
  const files = createSourceFiles();
  const decoder = new TextDecoder();
  const start = times();
  let count = 0;
  let bytes = 0;
  for await (const chunk of chunks({ exclude: [], run: here })) {
    for (const name of decoder.decode(chunk.names).split('\0')) {
      bytes += files.stat(`${root}/${name}`)?.sizeBytes ?? 0;
      count++;
    }
  }
  printRate(`walk and stat (${bytes} bytes)`, { count, unit: 'names', start });
}
