import {
  ArtifactError,
  type HashStream,
  type IngestLargeInput,
  type IngestLargeOutput,
  type LargeResult,
  type NewNotice,
  type SourceFile,
} from '@waybill/core';
import { type BatchFile, cacheRowOf, changed, entryOf, unreadable, withFileAlgorithm } from './batch-file.ts';
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
  }

  get sizeBytes(): number {
    return this.#item?.stat.sizeBytes ?? this.#file.sizeBytes;
  }

  /** Whether there is anything to hash; an error is kept for the result. */
  open(): boolean {
    const { name, path } = this.#file;
    this.#guard(() => {
      const statAtMs = this.#ports.clock.nowMs();
      this.#source = this.#ports.files.open(path);
      const stat = this.#source.stat();
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
  }

  end(digest: Uint8Array): void {
    this.#guard(() => {
      const stat = this.#source?.stat();
      if (this.#item === undefined || stat === undefined) return;
      const same = stat.signature.every((byte, index) => byte === this.#item?.stat.signature[index]);
      if (!same || this.#copied !== stat.sizeBytes) this.#notice = changed(this.#file.path);
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
