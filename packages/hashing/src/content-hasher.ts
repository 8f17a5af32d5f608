import {
  type ContentHasher,
  DIGEST_BYTES,
  type DigestAlgorithm,
  type HashStream,
  type IncrementalDigest,
  LIMITS,
} from '@waybill/core';
import { createDigest } from './digests.ts';
import type { HashPermits } from './hash-permits.ts';
import { LaneHasher } from './lane-hasher.ts';
import { checkSpans, type SpanTable } from './span-table.ts';
import { Xxh128 } from './xxh128.ts';

/** Buffer for a stream that is hashed alone. */
const SINGLE_BUFFER_BYTES = 1024 * 1024;

export interface ContentHasherOptions {
  /** Size of the arena in bytes; `LIMITS.arenaBytes` unless given. */
  readonly arenaBytes?: number;
  /** When given, a permit is held while the processor is busy hashing, never while a stream reads. */
  readonly permits?: HashPermits | undefined;
}

/**
 * Hashes contents in the calling thread; every call is synchronous. One for each thread; not reentrant, so the callbacks
 * of a stream must not call it.
 *
 * MD5 runs in lanes, many messages at a time; a single stream with node:crypto, which nothing beats. XXH128 runs one
 * message after the other: it is faster than files are read.
 */
export async function createContentHasher(options: ContentHasherOptions = {}): Promise<ContentHasher> {
  return new ThreadHasher(await Xxh128.create(), options);
}

class ThreadHasher implements ContentHasher {
  readonly #xxh128: Xxh128;
  readonly #lanes: LaneHasher;
  readonly #permits: HashPermits | undefined;
  #buffer: Uint8Array | undefined;

  constructor(xxh128: Xxh128, { arenaBytes = LIMITS.arenaBytes, permits }: ContentHasherOptions) {
    this.#xxh128 = xxh128;
    this.#lanes = new LaneHasher({ arenaBytes, permits });
    this.#permits = permits;
  }

  arena(): Uint8Array {
    return this.#lanes.arena;
  }

  /**
   * Spans may lie in any order, next to each other without a gap, and may be empty. Files are read and hashed 6% faster
   * when spans begin at multiples of 64.
   */
  hashSpans(spans: SpanTable, algorithm: DigestAlgorithm): Uint8Array {
    checkSpans(spans, this.#lanes.arena.byteLength);
    switch (algorithm) {
      case 'MD5':
        return this.#lanes.hashSpans(spans);
      case 'XXH128':
        return this.#hashSpansInTurn(spans);
    }
  }

  /** Long streams start first, so that the lanes end together. */
  hashStreams(streams: readonly HashStream[], algorithm: DigestAlgorithm): void {
    if (algorithm === 'MD5' && streams.length > 1) {
      this.#lanes.hashStreams(streams.toSorted((a, b) => b.sizeBytes - a.sizeBytes));
      return;
    }
    for (const stream of streams) this.#hashAlone(stream, createDigest(algorithm, this.#xxh128));
  }

  #hashSpansInTurn({ offsets, lengths, count }: SpanTable): Uint8Array {
    const arena = this.#lanes.arena;
    const out = new Uint8Array(count * DIGEST_BYTES);
    this.#permits?.acquire();
    try {
      for (let row = 0; row < count; row++) {
        const offset = offsets[row] ?? 0;
        out.set(this.#xxh128.hash(arena.subarray(offset, offset + (lengths[row] ?? 0))), row * DIGEST_BYTES);
      }
    } finally {
      this.#permits?.release();
    }
    return out;
  }

  #hashAlone(stream: HashStream, digest: IncrementalDigest): void {
    this.#buffer ??= new Uint8Array(SINGLE_BUFFER_BYTES);
    for (;;) {
      const count = stream.read(this.#buffer);
      if (count === 0) break;
      const chunk = this.#buffer.subarray(0, count);
      stream.tap?.(chunk);
      this.#permits?.acquire();
      try {
        digest.update(chunk);
      } finally {
        this.#permits?.release();
      }
    }
    stream.end(digest.digest());
  }
}
