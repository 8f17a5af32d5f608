// What the threads of the bench run: files are opened, read and hashed the way an ingest does it, and nothing else.
import { closeSync, openSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { DIGEST_BYTES, type HashStream } from '@waybill/core';
import { createContentHasher, HashPermits, type ThreadEntry, threadTask } from '../src/index.ts';

/** As the ingest lays them out; unaligned ones are read and hashed 6% slower. */
const SPAN_ALIGN_BYTES = 64;

const hasher = await createContentHasher({ permits: HashPermits.attach(workerData as SharedArrayBuffer) });
const arena = hasher.arena();

/** What the bench sends: files with their sizes, and how to hash them. */
export interface HashFilesInput {
  readonly how: 'spans' | 'streams';
  readonly paths: readonly string[];
  readonly sizes: readonly number[];
}

/** Whole files into the arena until it is full, then all of them at once. */
function hashInArena({ paths, sizes }: HashFilesInput): Uint8Array {
  const out = new Uint8Array(paths.length * DIGEST_BYTES);
  const spans = { offsets: new Int32Array(paths.length), lengths: new Int32Array(paths.length), count: 0 };
  let hashed = 0;
  let used = 0;
  const flush = (): void => {
    out.set(hasher.hashSpans(spans, 'MD5'), hashed * DIGEST_BYTES);
    hashed += spans.count;
    spans.count = 0;
    used = 0;
  };
  for (const [index, path] of paths.entries()) {
    const size = sizes[index] ?? 0;
    if (used + size > arena.length) flush();
    const descriptor = openSync(path, 'r');
    const length = size === 0 ? 0 : readSync(descriptor, arena, used, size, null);
    closeSync(descriptor);
    if (length !== size) throw new Error(`${path} gave ${length} of ${size} bytes`);
    spans.offsets[spans.count] = used;
    spans.lengths[spans.count] = length;
    spans.count++;
    used = Math.ceil((used + length) / SPAN_ALIGN_BYTES) * SPAN_ALIGN_BYTES;
  }
  flush();
  return out;
}

function hashAsStreams({ paths, sizes }: HashFilesInput): Uint8Array {
  const out = new Uint8Array(paths.length * DIGEST_BYTES);
  const streams = paths.map((path, index): HashStream => {
    let descriptor: number | undefined;
    return {
      sizeBytes: sizes[index] ?? 0,
      read: (target) => {
        descriptor ??= openSync(path, 'r');
        return readSync(descriptor, target);
      },
      end: (digest) => {
        out.set(digest, index * DIGEST_BYTES);
        if (descriptor !== undefined) closeSync(descriptor);
      },
    };
  });
  hasher.hashStreams(streams, 'MD5');
  return out;
}

/** The task's name is one the pool knows; input and output are the bench's own. */
export const walk: ThreadEntry<'walk'> = threadTask((input) => {
  const files = input['files'] as HashFilesInput;
  return { digests: files.how === 'streams' ? hashAsStreams(files) : hashInArena(files) };
});
