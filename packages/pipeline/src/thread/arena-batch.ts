import {
  ArtifactError,
  type BlobRows,
  DIGEST_BYTES,
  type IngestBatchInput,
  invariant,
  LIMITS,
  type NewNotice,
  type PackedRegion,
  type SourceFile,
} from '@waybill/core';
import { type BatchFile, changed, notRegular, unreadable } from './batch-file.ts';
import type { AskShard, IngestThreadPorts } from './ingest-thread-ports.ts';

/** Spans begin at multiples of this, so that the kernel's loads are aligned. */
const SPAN_ALIGN_BYTES = 64;

/** Small files read whole into the hasher's memory, hashed there, and written from there. */
export class ArenaBatch {
  readonly #ports: IngestThreadPorts;
  readonly #input: IngestBatchInput;
  readonly #ask: AskShard;
  readonly #notices: NewNotice[];
  readonly #packed: PackedRegion[];
  readonly #files: BatchFile[] = [];
  readonly #offsets = new Int32Array(LIMITS.batchEntries);
  readonly #lengths = new Int32Array(LIMITS.batchEntries);
  #used = 0;

  constructor(batch: {
    ports: IngestThreadPorts;
    input: IngestBatchInput;
    ask: AskShard;
    notices: NewNotice[];
    packed: PackedRegion[];
  }) {
    this.#ports = batch.ports;
    this.#input = batch.input;
    this.#ask = batch.ask;
    this.#notices = batch.notices;
    this.#packed = batch.packed;
  }

  /** Reads the file into the arena, from `opened` if given; flushes first when it would not fit. A large one is only marked. */
  async add(file: BatchFile, opened?: SourceFile): Promise<void> {
    if (file.stat.sizeBytes >= LIMITS.largeFileBytes) {
      file.large = true;
      return;
    }
    const capacity = this.#ports.hasher.arena().length;
    const full = this.#files.length === LIMITS.batchEntries;
    if (full || this.#used + file.stat.sizeBytes > capacity) await this.flush();
    const length = this.#read(file, opened);
    if (length === undefined) return;
    const index = this.#files.push(file) - 1;
    this.#offsets[index] = this.#used;
    this.#lengths[index] = length;
    this.#used = Math.ceil((this.#used + length) / SPAN_ALIGN_BYTES) * SPAN_ALIGN_BYTES;
  }

  /** Hashes what is in the arena and writes what is not stored yet. */
  async flush(): Promise<void> {
    const count = this.#files.length;
    if (count === 0) return;
    const digests = this.#ports.hasher.hashSpans(
      { offsets: this.#offsets, lengths: this.#lengths, count },
      this.#input.algorithm,
    );
    for (const [index, file] of this.#files.entries()) {
      file.digest = digests.slice(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
      file.hashed = true;
      file.remember = true;
    }
    if (this.#input.mode === 'store') await this.#store(digests, count);
    this.#files.length = 0;
    this.#used = 0;
  }

  /** Bytes read, or `undefined` when the file is to be passed over (it failed) or turned out large. */
  #read(file: BatchFile, opened: SourceFile | undefined): number | undefined {
    try {
      for (let attempt = 0; attempt < LIMITS.readAttempts; attempt++) {
        using source = attempt === 0 && opened !== undefined ? opened : this.#ports.files.open(file.path);
        if (attempt > 0) this.#lookAgain(file, source);
        file.large = this.#hasGrown(file);
        if (file.failed || file.large) return undefined;
        const length = this.#fill(source, file.stat.sizeBytes);
        if (length === file.stat.sizeBytes && sameBytes(source.stat().signature, file.stat.signature))
          return length;
      }
      this.#fail(file, changed(file.path));
    } catch (error) {
      if (!(error instanceof ArtifactError)) throw error;
      this.#fail(file, unreadable(file.path, error));
    }
    return undefined;
  }

  /** A file that no longer fits here is taken as a large one, whatever its size is now. */
  #hasGrown(file: BatchFile): boolean {
    const { sizeBytes } = file.stat;
    return sizeBytes >= LIMITS.largeFileBytes || this.#used + sizeBytes > this.#ports.hasher.arena().length;
  }

  #lookAgain(file: BatchFile, source: SourceFile): void {
    file.statAtMs = this.#ports.clock.nowMs();
    file.stat = source.stat();
    // A pipe that took the file's place would read as an empty file.
    if (file.stat.kind !== 'file') this.#fail(file, notRegular(file.path));
  }

  #fill(source: SourceFile, sizeBytes: number): number {
    const arena = this.#ports.hasher.arena();
    let length = 0;
    while (length < sizeBytes) {
      const read = source.read(arena.subarray(this.#used + length, this.#used + sizeBytes));
      if (read === 0) break;
      length += read;
    }
    return length;
  }

  #fail(file: BatchFile, notice: NewNotice): void {
    file.failed = true;
    this.#notices.push(notice);
  }

  async #store(digests: Uint8Array, count: number): Promise<void> {
    const lengths = Float64Array.from(this.#lengths.subarray(0, count));
    const answer = await this.#ask({
      kind: 'claim',
      digests: digests.slice(0, count * DIGEST_BYTES),
      lengths,
    });
    invariant(answer.kind === 'claim', 'arena-claim', `claimed contents, got ${answer.kind}`);
    const { region, wanted } = answer;
    if (region === undefined) return;
    const arena = this.#ports.hasher.arena();
    const chunks: Uint8Array[] = [];
    const rows: { index: number; offset: number }[] = [];
    let offset = region.offset;
    for (let index = 0; index < count; index++) {
      if (wanted[index] !== 1) continue;
      const start = this.#offsets[index] ?? 0;
      const length = this.#lengths[index] ?? 0;
      rows.push({ index, offset });
      if (length > 0) chunks.push(arena.subarray(start, start + length));
      offset += length;
    }
    this.#ports.faults.reach('batch.pack.write');
    this.#ports.drafts.write(region.draftPath, region.offset, chunks);
    this.#packed.push({ packIndex: region.packIndex, blobs: blobRows(rows, { digests, lengths }) });
  }
}

function blobRows(
  rows: readonly { index: number; offset: number }[],
  from: { digests: Uint8Array; lengths: Float64Array },
): BlobRows {
  const digests = new Uint8Array(rows.length * DIGEST_BYTES);
  for (const [row, { index }] of rows.entries()) {
    digests.set(from.digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES), row * DIGEST_BYTES);
  }
  return {
    digests,
    offsets: Float64Array.from(rows, ({ offset }) => offset),
    lengths: Float64Array.from(rows, ({ index }) => from.lengths[index] ?? 0),
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
