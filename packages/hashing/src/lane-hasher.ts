import { DIGEST_BYTES, type HashStream } from '@waybill/core';
import type { HashPermits } from './hash-permits.ts';
import { CHUNK_HEADROOM_BYTES, LaneStreams } from './lane-streams.ts';
import { KERNEL_FREE_FROM, KERNEL_LANES, Md5Kernel } from './md5-kernel.ts';
import type { SpanTable } from './span-table.ts';

/**
 * Buffer of one lane for streams. 64, 128 and 256 KiB measured the same; the smallest leaves the most of the processor's
 * second-level cache to everybody else.
 */
const LANE_CHUNK_BYTES = 64 * 1024;
/** Rows of the span table in the memory; longer tables are hashed in parts. */
const TABLE_SPANS = 8192;
/** The kernel may read this far beyond the end of a message. */
const OVERREAD_BYTES = 64;
const ALIGN_BYTES = 4096;

/** Addresses of everything in the memory. */
interface Layout {
  readonly offsets: number;
  readonly lengths: number;
  readonly order: number;
  readonly digests: number;
  readonly chunks: number;
  readonly arena: number;
  readonly end: number;
}

export interface LaneHasherOptions {
  /** Size of the arena in bytes. */
  readonly arenaBytes: number;
  /** When given, a permit is held while the kernel runs, never while a stream reads. */
  readonly permits?: HashPermits | undefined;
}

/**
 * MD5 of many messages at a time in SIMD lanes, in one WebAssembly memory that holds everything: files are read straight
 * into it. The memory is `arenaBytes` and about 1.3 MiB more; the system commits it as it is touched.
 */
export class LaneHasher {
  /** Always the same memory; hashing does not write to it. */
  readonly arena: Uint8Array;
  readonly #kernel: Md5Kernel;
  readonly #layout: Layout;
  readonly #permits: HashPermits | undefined;
  readonly #offsets: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #digests: Uint8Array;
  readonly #streams: LaneStreams;

  constructor({ arenaBytes, permits }: LaneHasherOptions) {
    const layout = layOut(arenaBytes);
    this.#layout = layout;
    this.#permits = permits;
    this.#kernel = new Md5Kernel(layout.end);
    const { memory } = this.#kernel;
    this.arena = new Uint8Array(memory, layout.arena, arenaBytes);
    this.#offsets = new Uint32Array(memory, layout.offsets, TABLE_SPANS);
    this.#lengths = new Uint32Array(memory, layout.lengths, TABLE_SPANS);
    this.#digests = new Uint8Array(memory, layout.digests, TABLE_SPANS * DIGEST_BYTES);
    this.#streams = new LaneStreams(this.#kernel, {
      chunksAt: layout.chunks,
      chunkBytes: LANE_CHUNK_BYTES,
      digestAt: layout.digests,
      permits,
    });
  }

  /** Digests of spans of the arena, 16 bytes each. The table must have been checked against the arena. */
  hashSpans(spans: SpanTable): Uint8Array {
    const out = new Uint8Array(spans.count * DIGEST_BYTES);
    this.#permits?.acquire();
    try {
      for (let from = 0; from < spans.count; from += TABLE_SPANS) {
        const count = Math.min(TABLE_SPANS, spans.count - from);
        this.#hashTable(spans, { from, count });
        out.set(this.#digests.subarray(0, count * DIGEST_BYTES), from * DIGEST_BYTES);
      }
    } finally {
      this.#permits?.release();
    }
    return out;
  }

  /** Digests of streams, taken in the order given. An error of a callback ends the call. */
  hashStreams(streams: Iterable<HashStream>): void {
    this.#streams.run(streams);
  }

  #hashTable(spans: SpanTable, part: { from: number; count: number }): void {
    for (let row = 0; row < part.count; row++) {
      this.#offsets[row] = this.#layout.arena + (spans.offsets[part.from + row] ?? 0);
      this.#lengths[row] = spans.lengths[part.from + row] ?? 0;
    }
    const { offsets, lengths, order, digests } = this.#layout;
    this.#kernel.hashSpans({ offsets, lengths, order, count: part.count, out: digests });
  }
}

function layOut(arenaBytes: number): Layout {
  const align = (address: number): number => Math.ceil(address / ALIGN_BYTES) * ALIGN_BYTES;
  const offsets = align(KERNEL_FREE_FROM);
  const lengths = offsets + TABLE_SPANS * Uint32Array.BYTES_PER_ELEMENT;
  const order = lengths + TABLE_SPANS * Uint32Array.BYTES_PER_ELEMENT;
  const digests = order + TABLE_SPANS * Uint32Array.BYTES_PER_ELEMENT;
  const chunks = align(digests + TABLE_SPANS * DIGEST_BYTES);
  const arena = align(chunks + KERNEL_LANES * (LANE_CHUNK_BYTES + CHUNK_HEADROOM_BYTES) + OVERREAD_BYTES);
  return { offsets, lengths, order, digests, chunks, arena, end: arena + arenaBytes + OVERREAD_BYTES };
}
