import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  compareUtf8,
  type Entry,
  MANIFEST_PREIMAGE_HEADER,
  type ManifestRef,
  manifestPreimageLines,
  type SegmentRef,
} from '@waybill/core';
import type { BenchOptions, BenchRow, Requirement } from '../../../test/bench/bench-report.ts';
import { runProcess } from '../../../test/bench/run-process.ts';
import { createManifestFiles, createSegmentFiles } from '../src/index.ts';
import { lookupOnce } from './lookup-once.ts';
import {
  changeEntries,
  FileObject,
  inBlocks,
  makeEntries,
  writeManifest,
  writeSegments,
  writeWandbJson,
} from './manifest-data.ts';

/** Finds what differs between two manifests; yields differences in blocks. */
type DiffManifests = (
  before: AsyncIterable<readonly Entry[]>,
  after: AsyncIterable<readonly Entry[]>,
) => AsyncIterable<readonly unknown[]>;

interface ManifestBenchOptions extends BenchOptions {
  /** The diff to be measured; without one a plain merge-join of the two scans. */
  readonly diff?: DiffManifests;
}

interface Setting {
  readonly folder: string;
  readonly entries: readonly Entry[];
  readonly wanted: Entry;
  readonly before: ManifestRef;
  readonly after: ManifestRef;
  readonly jsonPaths: readonly [string, string];
  readonly refs: readonly SegmentRef[];
  readonly textPaths: readonly string[];
  readonly diff: DiffManifests;
}

/** Seconds of each part, and what came out, so that nothing is optimised away and both sides did the same. */
interface Round {
  readonly write: number;
  readonly digest: number;
  readonly lookup: number;
  /** Of a process that has done it before. */
  readonly warmLookupMs?: number;
  readonly diff: number;
  readonly merge: number;
  readonly digestHex: string;
  readonly differences: number;
}

/**
 * A manifest of a million stored files beside what W&B's Python client does with one (JSON in memory), and the merge
 * of segments beside `sort -m`. Each round runs ours, then the peers; one round of ours before warms the code.
 */
export async function runManifestBench(options: ManifestBenchOptions): Promise<BenchRow[]> {
  const folder = join(options.folder, 'manifest-bench');
  mkdirSync(folder, { recursive: true });
  try {
    const setting = await prepare(options, folder);
    const ours: Round[] = [];
    const peers: Round[] = [];
    await runOurs(setting);
    for (let round = 0; round < options.rounds; round++) {
      ours.push(await runOurs(setting));
      const peer = await runPeers(setting);
      if (peer !== undefined) peers.push(peer);
    }
    assertSame([...ours, ...peers]);
    return rows(setting, { ours, peers });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function prepare(options: ManifestBenchOptions, folder: string): Promise<Setting> {
  const entries = makeEntries(options.tiny ? 5_000 : 1_000_000);
  const changed = changeEntries(entries);
  const wanted = entries[Math.floor(entries.length * 0.7)];
  if (wanted === undefined) throw new Error('no entries were made');
  const jsonPaths = [join(folder, 'before.json'), join(folder, 'after.json')] as const;
  await writeWandbJson(entries, jsonPaths[0]);
  await writeWandbJson(changed, jsonPaths[1]);
  return {
    folder,
    entries,
    wanted,
    before: await writeManifest(entries, join(folder, 'before.parquet')),
    after: await writeManifest(changed, join(folder, 'after.parquet')),
    jsonPaths,
    ...writeSegments(entries, { folder, count: options.tiny ? 25 : 5_000 }),
    diff: options.diff ?? mergeJoin,
  };
}

async function runOurs(setting: Setting): Promise<Round> {
  const write = await timed(() => writeManifest(setting.entries, join(setting.folder, 'written.parquet')));
  const digest = await timed(() => logicalDigest(setting.entries));
  const lookup = await lookupBoth(setting);
  const diff = await timed(() => countDifferences(setting));
  const merge = await timed(() => mergeAll(setting));
  return {
    write: write.seconds,
    digest: digest.seconds,
    lookup: lookup.fresh / 1000,
    warmLookupMs: lookup.warm,
    diff: diff.seconds,
    merge: merge.seconds,
    digestHex: digest.result,
    differences: diff.result,
  };
}

async function timed<T>(work: () => T | Promise<T>): Promise<{ seconds: number; result: T }> {
  const start = performance.now();
  const result = await work();
  return { seconds: (performance.now() - start) / 1000, result };
}

async function logicalDigest(entries: readonly Entry[]): Promise<string> {
  const hash = createHash('md5').update(MANIFEST_PREIMAGE_HEADER);
  for await (const block of inBlocks(entries)) hash.update(manifestPreimageLines(block));
  return hash.digest('hex');
}

function lookupArgs({ before, wanted }: Setting): string[] {
  const { key, sizeBytes, footerBytes, footerCrc32 } = before;
  return [key, String(sizeBytes), String(footerBytes), String(footerCrc32), wanted.path];
}

/** Milliseconds in a process that has just started, and in this one. */
async function lookupBoth(setting: Setting): Promise<{ fresh: number; warm: number }> {
  const script = join(import.meta.dirname, 'lookup-once.ts');
  const args = lookupArgs(setting);
  const { stdout } = await runProcess(process.execPath, ['--conditions=source', script, ...args]);
  const [fresh, warm] = [fields(stdout), await lookupOnce(args)];
  for (const { digest } of [fresh, warm]) {
    if (digest !== setting.wanted.digest) throw new Error(`a lookup found ${String(digest)}`);
  }
  return { fresh: Number(fresh['ms']), warm: warm.ms };
}

async function countDifferences({ before, after, diff }: Setting): Promise<number> {
  const files = createManifestFiles();
  const one = new FileObject(before.key, before.sizeBytes);
  const other = new FileObject(after.key, after.sizeBytes);
  const [old, now] = [await files.openManifest(one, before), await files.openManifest(other, after)];
  let count = 0;
  for await (const block of diff(old.scan(), now.scan())) count += block.length;
  return count;
}

/** The paths that only one side has, or that have another digest. */
async function* mergeJoin(
  before: AsyncIterable<readonly Entry[]>,
  after: AsyncIterable<readonly Entry[]>,
): AsyncGenerator<readonly string[]> {
  const [old, now] = [new EntryCursor(before), new EntryCursor(after)];
  let block: string[] = [];
  for (;;) {
    if (old.isBehind) await old.load();
    if (now.isBehind) await now.load();
    const [a, b] = [old.entry, now.entry];
    if (a === undefined && b === undefined) break;
    const order = a === undefined ? 1 : b === undefined ? -1 : compareUtf8(a.path, b.path);
    if (order !== 0) block.push((order < 0 ? a : b)?.path ?? '');
    else if (a?.digest !== b?.digest) block.push(a?.path ?? '');
    if (order <= 0) old.advance();
    if (order >= 0) now.advance();
    if (block.length < 1_000) continue;
    yield block;
    block = [];
  }
  yield block;
}

class EntryCursor {
  readonly #blocks: AsyncIterator<readonly Entry[], unknown>;
  #block: readonly Entry[] = [];
  #at = 0;
  #isEnd = false;

  constructor(blocks: AsyncIterable<readonly Entry[]>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  get entry(): Entry | undefined {
    return this.#block[this.#at];
  }

  get isBehind(): boolean {
    return !this.#isEnd && this.#at >= this.#block.length;
  }

  async load(): Promise<void> {
    const next = await this.#blocks.next();
    this.#isEnd = next.done === true;
    this.#block = next.done === true ? [] : next.value;
    this.#at = 0;
  }

  advance(): void {
    this.#at += 1;
  }
}

async function mergeAll({ refs, folder, entries }: Setting): Promise<void> {
  const merge = createSegmentFiles().merge({
    segments: (async function* () {
      yield* refs;
    })(),
    sourceNames: ['bench'],
    scratchFolder: folder,
    openSegment: (ref) => new FileObject(ref.key, ref.sizeBytes),
  });
  let count = 0;
  for await (const block of merge) count += block.length;
  if (count !== entries.length) throw new Error(`the merge gave ${count} of ${entries.length} entries`);
}

/** Nothing when there is no Python. */
async function runPeers(setting: Setting): Promise<Round | undefined> {
  const script = join(import.meta.dirname, 'manifest-peer.py');
  const target = join(setting.folder, 'written.json');
  const python = await runProcess('python3', [
    script,
    ...setting.jsonPaths,
    setting.wanted.path,
    target,
  ]).catch(() => undefined);
  if (python === undefined) return undefined;
  const sort = await runProcess(
    'sort',
    ['-m', '--batch-size=1000', '-o', join(setting.folder, 'sorted.tsv'), ...setting.textPaths],
    { env: { LC_ALL: 'C' } },
  );
  const seconds = fields(python.stdout);
  return {
    write: Number(seconds['write']),
    digest: Number(seconds['digest']),
    lookup: Number(seconds['lookup']),
    diff: Number(seconds['diff']),
    merge: sort.seconds,
    digestHex: String(seconds['digestHex']),
    differences: Number(seconds['differences']),
  };
}

function fields(json: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(json);
  return { ...(typeof parsed === 'object' ? parsed : {}) };
}

function assertSame(rounds: readonly Round[]): void {
  const results = new Set(rounds.map(({ digestHex, differences }) => `${digestHex} ${differences}`));
  if (results.size !== 1) throw new Error(`the rounds do not agree: ${[...results].join(', ')}`);
}

function rows(setting: Setting, rounds: { ours: readonly Round[]; peers: readonly Round[] }): BenchRow[] {
  const count = setting.entries.length;
  const [first] = rounds.ours;
  const warmMs = Math.min(...rounds.ours.map(({ warmLookupMs = Number.NaN }) => warmLookupMs));
  const note = `logical digest ${first?.digestHex}, ${first?.differences} differences, warm lookup ${warmMs.toPrecision(2)} ms`;
  const row = (
    part: 'write' | 'digest' | 'lookup' | 'diff' | 'merge',
    of: { name: string; unit: string; perSecond: number; peerName: string; atMost: number },
  ): BenchRow => {
    const required: Requirement = { kind: 'at-most', value: of.atMost };
    return {
      name: `manifest: ${count} file rows, ${of.name}`,
      unit: of.unit,
      ours: rounds.ours.map((round) => round[part] * of.perSecond),
      peerName: of.peerName,
      peer: rounds.peers.map((round) => round[part] * of.perSecond),
      required,
      note,
    };
  };
  const perRow = { unit: 'us/row', perSecond: 1e6 / count };
  const segments = `${setting.refs.length} segments`;
  return [
    row('write', { name: 'write (400k rows/s)', ...perRow, peerName: 'json.dump', atMost: 2.5 }),
    row('digest', { name: 'logical digest (2M/s)', ...perRow, peerName: 'Python hashlib', atMost: 0.5 }),
    row('lookup', {
      name: 'lookup in a fresh process',
      unit: 'ms',
      perSecond: 1_000,
      peerName: 'json.load and get',
      atMost: 100,
    }),
    row('diff', { name: 'diff of two', unit: 's', perSecond: 1, peerName: 'two json.load', atMost: 5 }),
    row('merge', { name: `merge ${segments} (300k/s)`, ...perRow, peerName: 'sort -m', atMost: 10 / 3 }),
  ];
}

if (import.meta.main) {
  const { printMachine, printRow } = await import('../../../test/bench/bench-report.ts');
  const tiny = process.argv.includes('--tiny');
  printMachine();
  const folder = process.argv.at(-1) ?? '';
  for (const row of await runManifestBench({ tiny, rounds: tiny ? 1 : 5, folder })) printRow(row);
}
