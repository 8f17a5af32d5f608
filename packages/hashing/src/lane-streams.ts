import { DIGEST_BYTES, type HashStream } from '@waybill/core';
import type { HashPermits } from './hash-permits.ts';
import { KERNEL_LANES, type Md5Kernel } from './md5-kernel.ts';

const BLOCK_BYTES = 64;
/**
 * Room before each chunk for the bytes of an unfinished block, so that reads always fill the whole chunk. It also keeps the
 * buffers of the lanes from lying a power of two apart, where they would compete for the same cache lines.
 */
export const CHUNK_HEADROOM_BYTES: number = BLOCK_BYTES;

export interface LaneStreamsLayout {
  /** Address of the first chunk buffer; one of `CHUNK_HEADROOM_BYTES + chunkBytes` for each lane. */
  readonly chunksAt: number;
  readonly chunkBytes: number;
  /** Address of 16 bytes for a digest. */
  readonly digestAt: number;
  readonly permits: HashPermits | undefined;
}

/**
 * A lane and the stream on it.
 *
 * | state     | blocks given to the kernel        | when they have run               |
 * |-----------|-----------------------------------|----------------------------------|
 * | `reading` | whole blocks of the last chunk    | read the next chunk, or pad      |
 * | `padded`  | the last bytes with their padding | hand out the digest, then `free` |
 * | `free`    | none                              | take the next stream             |
 */
interface Lane {
  readonly index: number;
  readonly chunk: Uint8Array;
  readonly chunkAt: number;
  state: 'free' | 'reading' | 'padded';
  stream: HashStream | undefined;
  readBytes: number;
  /** The bytes (fewer than a block) that were read but not yet given to the kernel. */
  restAt: number;
  restBytes: number;
}

/** Hashes streams in the lanes of a kernel: each lane reads its own stream, and takes the next when that ends. */
export class LaneStreams {
  readonly #kernel: Md5Kernel;
  readonly #memory: Uint8Array;
  readonly #layout: LaneStreamsLayout;
  readonly #lanes: readonly Lane[];

  constructor(kernel: Md5Kernel, layout: LaneStreamsLayout) {
    this.#kernel = kernel;
    this.#memory = new Uint8Array(kernel.memory);
    this.#layout = layout;
    this.#lanes = Array.from({ length: KERNEL_LANES }, (_, index) => this.#createLane(index));
  }

  /** Streams are taken in the order given. An error of a callback ends the call. */
  run(streams: Iterable<HashStream>): void {
    const iterator = Iterator.from(streams);
    for (const lane of this.#lanes) this.#free(lane);
    do {
      for (const lane of this.#lanes) this.#supply(lane, iterator);
    } while (this.#advance() > 0);
  }

  /** Sees to it that a lane has blocks, as long as there are streams. */
  #supply(lane: Lane, streams: Iterator<HashStream>): void {
    if (this.#kernel.laneBlocks(lane.index) > 0) return;
    while (!this.#refill(lane)) {
      const next = streams.next();
      if (next.done === true) return;
      this.#start(lane, next.value);
    }
  }

  #createLane(index: number): Lane {
    const { chunksAt, chunkBytes } = this.#layout;
    const chunkAt = chunksAt + index * (CHUNK_HEADROOM_BYTES + chunkBytes) + CHUNK_HEADROOM_BYTES;
    const chunk = new Uint8Array(this.#kernel.memory, chunkAt, chunkBytes);
    return {
      index,
      chunk,
      chunkAt,
      state: 'free',
      stream: undefined,
      readBytes: 0,
      restAt: chunkAt,
      restBytes: 0,
    };
  }

  #advance(): number {
    const { permits } = this.#layout;
    permits?.acquire();
    try {
      return this.#kernel.advance();
    } finally {
      permits?.release();
    }
  }

  #start(lane: Lane, stream: HashStream): void {
    this.#kernel.startLane(lane.index);
    lane.state = 'reading';
    lane.stream = stream;
    lane.readBytes = 0;
    lane.restAt = lane.chunkAt;
    lane.restBytes = 0;
  }

  #free(lane: Lane): void {
    this.#kernel.startLane(lane.index);
    lane.state = 'free';
    lane.stream = undefined;
  }

  /** Moves a lane without blocks on until it has some. Returns false when it is free instead. */
  #refill(lane: Lane): boolean {
    const { stream } = lane;
    if (stream === undefined) return false;
    if (lane.state === 'padded') {
      const { digestAt } = this.#layout;
      this.#kernel.digestLane(lane.index, digestAt);
      this.#free(lane);
      stream.end(this.#memory.slice(digestAt, digestAt + DIGEST_BYTES));
      return false;
    }
    while (this.#read(lane, stream)) {
      if (this.#kernel.laneBlocks(lane.index) > 0) return true;
    }
    this.#kernel.padLane(lane.index, {
      pointer: lane.restAt,
      rest: lane.restBytes,
      totalBytes: lane.readBytes,
    });
    lane.state = 'padded';
    return true;
  }

  /**
   * Reads the next chunk behind the rest of the last one and gives the kernel its whole blocks, perhaps none.
   * Returns false at the end of the stream.
   */
  #read(lane: Lane, stream: HashStream): boolean {
    const firstAt = lane.chunkAt - lane.restBytes;
    this.#memory.copyWithin(firstAt, lane.restAt, lane.restAt + lane.restBytes);
    lane.restAt = firstAt;
    const count = stream.read(lane.chunk);
    if (count === 0) return false;
    stream.tap?.(count === lane.chunk.byteLength ? lane.chunk : lane.chunk.subarray(0, count));
    const readyBytes = lane.restBytes + count;
    const blocks = Math.floor(readyBytes / BLOCK_BYTES);
    lane.readBytes += count;
    lane.restBytes = readyBytes % BLOCK_BYTES;
    lane.restAt = firstAt + blocks * BLOCK_BYTES;
    this.#kernel.feedLane(lane.index, firstAt, blocks);
    return true;
  }
}
