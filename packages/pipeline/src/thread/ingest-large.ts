import {
  ArtifactError,
  type HashStream,
  type IngestLargeInput,
  type IngestLargeOutput,
  type LargeResult,
  type NewNotice,
  type SourceFile,
} from '@waybill/core';
import {
  type BatchFile,
  cacheRowOf,
  changed,
  entryOf,
  notRegular,
  unreadable,
  withFileAlgorithm,
} from './batch-file.ts';
import type { IngestThreadPorts, StopSignal } from './ingest-thread-ports.ts';

/** Hashes large files in lanes, each from one reading; what is stored is a copy made of the very bytes hashed. */
export function ingestLarge(
  ports: IngestThreadPorts,
  given: IngestLargeInput,
  stop: StopSignal,
): IngestLargeOutput {
  const input = withFileAlgorithm(given);
  const streams = input.files.map((file) => new LargeStream({ ports, file, stop }));
  try {
    const open = streams.filter((stream) => stream.open());
    ports.hasher.hashStreams(open, input.algorithm);
    return { results: streams.map((stream) => stream.result(ports, input)) };
  } finally {
    for (const stream of streams) stream[Symbol.dispose]();
  }
}

class LargeStream implements HashStream, Disposable {
  readonly #ports: IngestThreadPorts;
  readonly #stop: StopSignal;
  readonly #file: IngestLargeInput['files'][number];
  /** How many bytes were read, for whoever shows the progress. */
  readonly #counter: BigInt64Array;
  #source: SourceFile | undefined;
  #item: BatchFile | undefined;
  #notice: NewNotice | undefined;
  #copied = 0;

  constructor(stream: {
    ports: IngestThreadPorts;
    file: IngestLargeInput['files'][number];
    stop: StopSignal;
  }) {
    this.#ports = stream.ports;
    this.#file = stream.file;
    this.#stop = stream.stop;
    this.#counter = new BigInt64Array(stream.file.counter);
  }

  get sizeBytes(): number {
    return this.#item?.stat.sizeBytes ?? this.#file.sizeBytes;
  }

  /** Whether there is anything to hash; an error is kept for the result. */
  open(): boolean {
    const { name, path } = this.#file;
    Atomics.store(this.#counter, 0, 0n);
    this.#guard(() => {
      const statAtMs = this.#ports.clock.nowMs();
      this.#source = this.#ports.files.open(path);
      const stat = this.#source.stat();
      // A pipe or folder that took the file's place would read as an empty file.
      if (stat.kind !== 'file') {
        this.#notice = notRegular(path);
        return;
      }
      this.#item = {
        name,
        path,
        stat,
        statAtMs,
        cached: undefined,
        digest: undefined,
        hashed: true,
        remember: true,
        failed: false,
        large: true,
      };
    });
    return this.#notice === undefined;
  }

  read(target: Uint8Array): number {
    this.#stop.throwIfAborted();
    let length = 0;
    this.#guard(() => {
      length = this.#source?.read(target) ?? 0;
    });
    return length;
  }

  tap(chunk: Uint8Array): void {
    const { draftPath } = this.#file;
    if (draftPath !== undefined) this.#ports.drafts.write(draftPath, this.#copied, [chunk]);
    this.#copied += chunk.length;
    Atomics.store(this.#counter, 0, BigInt(this.#copied));
  }

  end(digest: Uint8Array): void {
    this.#guard(() => {
      const stat = this.#source?.stat();
      if (this.#item === undefined || stat === undefined) return;
      const same = stat.signature.every((byte, index) => byte === this.#item?.stat.signature[index]);
      // What went wrong before ended the reading early, so that the copy is short for another reason.
      if (!same || this.#copied !== stat.sizeBytes) this.#notice ??= changed(this.#file.path);
      this.#item.digest = digest.slice();
    });
  }

  result(ports: IngestThreadPorts, input: IngestLargeInput): LargeResult {
    const item = this.#item;
    if (this.#notice !== undefined || item?.digest === undefined) {
      return { kind: 'failed', notice: this.#notice ?? changed(this.#file.path) };
    }
    const row = input.useStatCache ? cacheRowOf(input, item) : undefined;
    return {
      kind: 'hashed',
      digest: item.digest,
      sizeBytes: item.stat.sizeBytes,
      frame: ports.segments.encodeFrame([entryOf(input, item, item.digest)]),
      cacheRows:
        row === undefined || ports.statCache === undefined
          ? new Uint8Array(0)
          : ports.statCache.encodeRows([row]),
    };
  }

  [Symbol.dispose](): void {
    this.#source?.[Symbol.dispose]();
  }

  /** A problem of one file must not end the others' hashing. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof ArtifactError)) throw error;
      this.#notice ??= unreadable(this.#file.path, error);
    }
  }
}
