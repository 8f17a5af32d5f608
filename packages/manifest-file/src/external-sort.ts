import {
  type CallOptions,
  compareUtf8,
  type ExternalSort,
  invariant,
  LIMITS,
  type SortRecord,
  throwIfCancelled,
} from '@waybill/core';
import { type BlockFileReader, BlockFileWriter } from './block-file.ts';
import { formatProblem } from './corrupt.ts';
import { MinHeap } from './min-heap.ts';
import { ScratchFolder } from './scratch-folder.ts';
import { zstdCompress, zstdDecompress } from './zstd.ts';

/** Memory of the records that are sorted at once, about. */
const RUN_BYTES = 16_777_216;

/** What a record takes beside its characters. */
const RECORD_BYTES = 128;

/** Records, and memory, of a block of a run: with one block of each merged run in memory. */
const BLOCK_RECORDS = 1_000;
const BLOCK_BYTES = 262_144;

/** u32: bytes of a block before compression. */
const SIZE_BYTES = 4;

const SURROGATE = /[\ud800-\udfff]/;

export interface SortOptions extends CallOptions {
  readonly scratchFolder: string;
  readonly runBytes: number;
  readonly fanIn: number;
}

/** Sorting with 16 MiB of records in memory, through runs in a scratch folder that are merged 64 at a time. */
export function createExternalSort(): ExternalSort {
  return {
    sort: (records, options) =>
      sortRecords(records, { ...options, runBytes: RUN_BYTES, fanIn: LIMITS.mergeFanIn }),
  };
}

/** See `ExternalSort.sort`. */
export async function* sortRecords(
  records: AsyncIterable<readonly SortRecord[]>,
  options: SortOptions,
): AsyncGenerator<readonly SortRecord[], void, undefined> {
  const { signal, runBytes } = options;
  await using scratch = new ScratchFolder({ parent: options.scratchFolder, purpose: 'sort' });
  const runs = new SortRuns(scratch, options.fanIn);
  let pending = new PendingRun();
  for await (const block of records) {
    throwIfCancelled(signal);
    for (const record of block) {
      pending.add(record);
      if (pending.sizeBytes < runBytes) continue;
      await runs.add(pending.sorted());
      pending = new PendingRun();
    }
  }
  const last = pending.sorted();
  // What fits into memory never touches the disk.
  const sorted = runs.isEmpty ? inBlocks(last) : runs.merge(last);
  for await (const block of sorted) {
    throwIfCancelled(signal);
    yield block;
  }
}

/** Records collected to be sorted in memory. */
class PendingRun {
  readonly #records: SortRecord[] = [];
  #isPlain = true;
  sizeBytes = 0;

  add({ key, value }: SortRecord): void {
    this.#records.push({ key: detach(key), value: detach(value) });
    this.sizeBytes += RECORD_BYTES + 2 * (key.length + value.length);
    if (this.#isPlain && SURROGATE.test(key)) this.#isPlain = false;
  }

  sorted(): SortRecord[] {
    // Without surrogates the engine's own order is that of the bytes, and many times faster to ask for.
    return this.#records.sort(this.#isPlain ? compareUnits : compareRecords);
  }
}

/**
 * The text without what it was cut from: a piece of a text keeps all of it in memory, which nobody has counted.
 * Joining makes a text of its own.
 */
function detach(text: string): string {
  return ` ${text}`.slice(1);
}

function compareUnits(a: SortRecord, b: SortRecord): number {
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}

function compareRecords(a: SortRecord, b: SortRecord): number {
  return compareUtf8(a.key, b.key);
}

async function* inBlocks(records: readonly SortRecord[]): AsyncGenerator<readonly SortRecord[]> {
  for (let from = 0; from < records.length; from += BLOCK_RECORDS) {
    yield records.slice(from, from + BLOCK_RECORDS);
  }
}

interface SortRun {
  readonly file: BlockFileReader;
  /** How often its records were merged. */
  readonly generation: number;
}

/** Sorted runs on disk. As many of one generation as may be merged at once become one of the next. */
class SortRuns {
  readonly #scratch: ScratchFolder;
  readonly #fanIn: number;
  #runs: SortRun[] = [];

  constructor(scratch: ScratchFolder, fanIn: number) {
    this.#scratch = scratch;
    this.#fanIn = fanIn;
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  async add(sorted: readonly SortRecord[]): Promise<void> {
    this.#runs.push({ file: await this.#write(inBlocks(sorted)), generation: 0 });
    for (let generation = 0; ; generation++) {
      const same = this.#runs.filter((run) => run.generation === generation);
      if (same.length < this.#fanIn) return;
      await this.#combine(same, generation + 1);
    }
  }

  /** Everything in order, together with records that are not on disk. */
  async *merge(rest: readonly SortRecord[]): AsyncGenerator<readonly SortRecord[]> {
    while (this.#runs.length > this.#fanIn) {
      const youngest = this.#runs.toSorted((a, b) => a.generation - b.generation).slice(0, this.#fanIn);
      await this.#combine(youngest, youngest.at(-1)?.generation ?? 0);
    }
    const cursors = [new RunCursor(async () => undefined, rest)];
    for (const { file } of this.#runs) cursors.push(new RunCursor(() => readBlock(file)));
    yield* mergeCursors(cursors);
  }

  async #combine(runs: readonly SortRun[], generation: number): Promise<void> {
    const cursors = runs.map(({ file }) => new RunCursor(() => readBlock(file)));
    this.#runs = this.#runs.filter((run) => !runs.includes(run));
    this.#runs.push({ file: await this.#write(mergeCursors(cursors)), generation });
  }

  async #write(blocks: AsyncIterable<readonly SortRecord[]>): Promise<BlockFileReader> {
    const file = new BlockFileWriter(this.#scratch);
    for await (const block of blocks) {
      for (const part of splitBySize(block)) await file.append(encodeBlock(part));
    }
    return file.finish();
  }
}

/** Cuts a block so that large records make small blocks. */
function* splitBySize(records: readonly SortRecord[]): Generator<readonly SortRecord[]> {
  let start = 0;
  let sizeBytes = 0;
  for (const [index, { key, value }] of records.entries()) {
    sizeBytes += RECORD_BYTES + 2 * (key.length + value.length);
    if (sizeBytes < BLOCK_BYTES) continue;
    yield records.slice(start, index + 1);
    start = index + 1;
    sizeBytes = 0;
  }
  if (start < records.length) yield records.slice(start);
}

function encodeBlock(records: readonly SortRecord[]): Buffer {
  const text = Buffer.from(JSON.stringify(records.flatMap(({ key, value }) => [key, value])));
  const size = Buffer.alloc(SIZE_BYTES);
  size.writeUInt32LE(text.length);
  return Buffer.concat([size, zstdCompress(text)]);
}

async function readBlock(file: BlockFileReader): Promise<readonly SortRecord[] | undefined> {
  const block = await file.next();
  if (block === undefined) return undefined;
  const text = zstdDecompress(block.subarray(SIZE_BYTES), block.readUInt32LE());
  const flat: unknown = JSON.parse(text.toString());
  if (!isTexts(flat)) throw formatProblem('a scratch file of a sort is damaged; try again');
  const records: SortRecord[] = [];
  for (let index = 0; index < flat.length; index += 2) {
    records.push({ key: flat[index] ?? '', value: flat[index + 1] ?? '' });
  }
  return records;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** A position in a run. */
class RunCursor {
  readonly #nextBlock: () => Promise<readonly SortRecord[] | undefined>;
  #block: readonly SortRecord[];
  #at = 0;

  constructor(
    nextBlock: () => Promise<readonly SortRecord[] | undefined>,
    block: readonly SortRecord[] = [],
  ) {
    this.#nextBlock = nextBlock;
    this.#block = block;
  }

  get record(): SortRecord {
    const record = this.#block[this.#at];
    invariant(record !== undefined, 'SRT-1', 'a sort was asked beyond the end of a run');
    return record;
  }

  /** False when the block has ended and {@link load} must be awaited. */
  advance(): boolean {
    this.#at += 1;
    return this.#at < this.#block.length;
  }

  /** False at the end of the run. */
  async load(): Promise<boolean> {
    while (this.#at >= this.#block.length) {
      const block = await this.#nextBlock();
      if (block === undefined) return false;
      this.#block = block;
      this.#at = 0;
    }
    return true;
  }
}

async function* mergeCursors(cursors: readonly RunCursor[]): AsyncGenerator<readonly SortRecord[]> {
  const heap = new MinHeap<RunCursor>((a, b) => compareRecords(a.record, b.record) < 0);
  for (const cursor of cursors) if (await cursor.load()) heap.push(cursor);
  let block: SortRecord[] = [];
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    block.push(top.record);
    if (top.advance() || (await top.load())) heap.push(top);
    if (block.length < BLOCK_RECORDS) continue;
    yield block;
    block = [];
  }
  if (block.length > 0) yield block;
}
