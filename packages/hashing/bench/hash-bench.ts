import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { DIGEST_BYTES, type HashPool, LIMITS } from '@waybill/core';
import type { BenchOptions, BenchRow } from '../../../test/bench/bench-report.ts';
import { createThreadPool, HashPermits } from '../src/index.ts';
import type { HashFilesInput } from './hash-bench-thread.ts';
import { type FileSet, type HashDataSet, makeHashDataSet } from './hash-data-set.ts';

/** Files a thread gets at a time, as in an ingest. */
const BATCH_FILES: number = LIMITS.batchEntries;
/** Fewer when they come from the disk, so that the readers end together; cat gets as many. */
const COLD_BATCH_FILES = 250;
const COLD_READERS = 8;

/** One measured way of doing the work. Seconds, threads started before the clock. */
type Case = () => Promise<number>;

/**
 * MD5 of files through the pool beside the programs one would use instead. Every round runs all cases of a group in turn;
 * one round before them warms caches and code.
 */
export async function runHashBench(options: BenchOptions): Promise<BenchRow[]> {
  const data = makeHashDataSet(options.folder, options.tiny);
  await using one = await startPool(1);
  await using two = await startPool(2);
  await assertRightDigests(data, two);
  return [
    ...(await benchLarge(options, { data, one, two })),
    ...(await benchSmall(options, { data, one, two })),
    ...(await benchHuge(options, { data, two })),
    await benchCold(options, data),
  ];
}

interface Setting {
  readonly data: HashDataSet;
  readonly one: HashPool;
  readonly two: HashPool;
}

async function benchLarge(options: BenchOptions, { data, one, two }: Setting): Promise<BenchRow[]> {
  const { large } = data;
  const half = Math.ceil(large.paths.length / 2);
  const [oneThread, twoThreads, md5sum] = await measureInTurn(options, [
    () => timed(() => hashFiles(one, { files: large, how: 'streams', batchFiles: large.paths.length })),
    () => timed(() => hashFiles(two, { files: large, how: 'streams', batchFiles: half })),
    () => timed(() => runOn(large, ['xargs', '-n', String(large.paths.length), 'md5sum'])),
  ]);
  const name = `hash: ${large.paths.length} files of ${(large.sizes[0] ?? 0) / 2 ** 20} MiB, warm`;
  const peer = { peerName: 'one md5sum', peer: rates(large, md5sum), unit: 'GB/s' };
  return [
    {
      name: `${name}, one thread`,
      ours: rates(large, oneThread),
      ...peer,
      required: atLeast(3.7),
      ...load(),
    },
    {
      name: `${name}, two threads`,
      ours: rates(large, twoThreads),
      ...peer,
      required: atLeast(7),
      ...load(),
    },
  ];
}

async function benchSmall(options: BenchOptions, { data, one, two }: Setting): Promise<BenchRow[]> {
  const { small } = data;
  const md5sumArgs = (processes: number, files: number): string[] => [
    'xargs',
    ...['-P', String(processes), '-n', String(files), 'md5sum'],
  ];
  const [oneThread, twoThreads, single, double] = await measureInTurn(options, [
    () => timed(() => hashFiles(one, { files: small, how: 'spans', batchFiles: BATCH_FILES })),
    () => timed(() => hashFiles(two, { files: small, how: 'spans', batchFiles: BATCH_FILES })),
    () => timed(() => runOn(small, md5sumArgs(1, small.paths.length))),
    () => timed(() => runOn(small, md5sumArgs(2, BATCH_FILES))),
  ]);
  const name = `hash: ${small.paths.length} files, lognormal, median 40 KiB, warm`;
  return [
    {
      name: `${name}, one thread`,
      unit: 'GB/s',
      ours: rates(small, oneThread),
      peerName: 'one md5sum',
      peer: rates(small, single),
      required: atLeast(3.2),
      ...load(),
    },
    {
      name: `${name}, two threads`,
      unit: 'GB/s',
      ours: rates(small, twoThreads),
      peerName: 'xargs -P2 md5sum',
      peer: rates(small, double),
      required: atLeast(2.8),
      ...load(),
    },
  ];
}

async function benchHuge(options: BenchOptions, { data, two }: Omit<Setting, 'one'>): Promise<BenchRow[]> {
  const { huge, small } = data;
  const hashHuge = (): Promise<unknown> => hashFiles(two, { files: huge, how: 'streams', batchFiles: 1 });
  const hashSmall = (): Promise<unknown> =>
    hashFiles(two, { files: small, how: 'spans', batchFiles: BATCH_FILES });
  const [alone, openssl, among] = await measureInTurn(options, [
    () => timed(hashHuge),
    () => timed(() => runOn(huge, ['xargs', 'openssl', 'dgst', '-md5'])),
    () => timed(() => Promise.all([hashHuge(), hashSmall()])),
  ]);
  const name = `hash: one file of ${((huge.sizes[0] ?? 0) / 2 ** 30).toPrecision(2)} GiB`;
  return [
    {
      name: `${name}, alone`,
      unit: 'GB/s',
      ours: rates(huge, alone),
      peerName: 'openssl dgst -md5',
      peer: rates(huge, openssl),
      required: atLeast(0.95),
      ...load(),
    },
    {
      name: `${name}, among ${small.paths.length} small ones, two threads`,
      unit: 's',
      ours: among ?? [],
      peerName: 'the large file alone',
      peer: alone ?? [],
      required: { kind: 'ratio-at-most', value: 1.1 },
      ...load(),
    },
  ];
}

async function benchCold(options: BenchOptions, { small }: HashDataSet): Promise<BenchRow> {
  const row = {
    name: `hash: ${small.paths.length} files, lognormal, median 40 KiB, cold page cache`,
    unit: 'GB/s',
    peerName: `cat, ${COLD_READERS} processes`,
    required: atLeast(0.8),
  };
  if (options.tiny || !dropCaches()) {
    return {
      ...row,
      ours: [],
      peer: [],
      note: 'not run: it needs the full size and the right to drop the page cache',
    };
  }
  const [ours, cat] = await measureInTurn(options, [
    async () => {
      // A pool of its own: how fast it grows from one thread a processor to eight readers is part of the figure.
      await using pool = await startPool();
      await Promise.all(Array.from({ length: pool.concurrency }, () => hashFiles(pool, noFiles)));
      dropCaches();
      return await timed(() => hashFiles(pool, { files: small, how: 'spans', batchFiles: COLD_BATCH_FILES }));
    },
    async () => {
      dropCaches();
      return timed(() =>
        runOn(small, ['xargs', '-P', String(COLD_READERS), '-n', String(COLD_BATCH_FILES), 'cat']),
      );
    },
  ]);
  return { ...row, ours: rates(small, ours), peer: rates(small, cat), ...load() };
}

const noFiles = { files: { paths: [], sizes: [] }, how: 'spans', batchFiles: 1 } as const;

async function startPool(threads?: number): Promise<HashPool> {
  const permits = HashPermits.create();
  return createThreadPool({
    filename: new URL('./hash-bench-thread.ts', import.meta.url),
    workerData: permits.shared,
    permits,
    ...(threads === undefined ? {} : { threads, maxThreads: threads }),
  });
}

/** Hashes files in batches; the digests in their order. */
async function hashFiles(
  pool: HashPool,
  work: { files: FileSet; how: HashFilesInput['how']; batchFiles: number },
): Promise<Uint8Array[]> {
  const { paths, sizes } = work.files;
  const tasks: Promise<Uint8Array>[] = [];
  for (let from = 0; from === 0 || from < paths.length; from += work.batchFiles) {
    const files: HashFilesInput = {
      how: work.how,
      paths: paths.slice(from, from + work.batchFiles),
      sizes: sizes.slice(from, from + work.batchFiles),
    };
    tasks.push(pool.run('walk', { files }).then(({ digests }) => digests as Uint8Array));
  }
  return Promise.all(tasks);
}

/** The digests of every way of hashing are those of md5sum, or the bench measures nothing. */
async function assertRightDigests({ small, large, huge }: HashDataSet, pool: HashPool): Promise<void> {
  for (const [files, how] of [
    [small, 'spans'],
    [large, 'streams'],
    [huge, 'streams'],
  ] as const) {
    const stdout = await runOn(files, ['xargs', 'md5sum']);
    const expected = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(0, 2 * DIGEST_BYTES));
    const digests = Buffer.concat(await hashFiles(pool, { files, how, batchFiles: BATCH_FILES }));
    const found = expected.map((_, index) =>
      digests.toString('hex', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
    );
    const wrong = found.findIndex((hex, index) => hex !== expected[index]);
    if (wrong >= 0) throw new Error(`${files.paths[wrong]}: ${found[wrong]} instead of ${expected[wrong]}`);
  }
}

/** Runs every case once in each round; the first round is not counted. */
async function measureInTurn(options: BenchOptions, cases: readonly Case[]): Promise<number[][]> {
  const seconds = cases.map((): number[] => []);
  for (let round = 0; round <= options.rounds; round++) {
    for (const [index, run] of cases.entries()) {
      const elapsed = await run();
      if (round > 0) seconds[index]?.push(elapsed);
    }
  }
  return seconds;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Runs a command that takes the names of files from its input, NUL-separated. Resolves with its output. */
async function runOn({ paths }: FileSet, [xargs = '', ...args]: readonly string[]): Promise<string> {
  const child = spawn(xargs, ['-0', ...args], {
    stdio: ['pipe', args.includes('cat') ? 'ignore' : 'pipe', 'inherit'],
  });
  child.stdin?.end(paths.join('\0'));
  const output: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on('error', reject);
  child.on('close', resolve);
  const status = await promise;
  if (status !== 0) throw new Error(`${args.join(' ')} exited with ${status}`);
  return Buffer.concat(output).toString();
}

/** Empties the page cache; false where that is not allowed. */
function dropCaches(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

function rates({ sizes }: FileSet, seconds: readonly number[] = []): number[] {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return seconds.map((value) => bytes / value / 1e9);
}

function atLeast(value: number): BenchRow['required'] {
  return { kind: 'ratio-at-least', value };
}

/** Others' work on the machine is the first thing to look at when a figure is off. */
function load(): { note: string } {
  return { note: `load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors` };
}
