import type { Clock, FileCounts, IngestState } from '@waybill/core';

/** How far an ingest is. Counts include what earlier executions had done. */
export interface IngestProgress extends FileCounts {
  readonly ingestId: string;
  readonly state: IngestState;
  /** Files found by the walk so far. */
  readonly plannedFiles: number;
  /** Whether the walk is over, so that `plannedFiles` is the total. */
  readonly planned: boolean;
  /** What `bytes` will come to, once every file was looked at and only large ones are still being read. */
  readonly bytesTotal?: number | undefined;
}

export type OnProgress = (progress: IngestProgress) => void;

const REPORT_EVERY_MS = 100;

/**
 * Adds up what the stages report and tells the caller, a few times a second: while a large file is read also when
 * nobody reports anything. Disposed, it tells nothing more by itself.
 */
export class ProgressMeter implements Disposable {
  readonly #clock: Clock;
  readonly #onProgress: OnProgress | undefined;
  /** Files under way, whose bytes a thread counts as it reads them. */
  readonly #underWay = new Set<LargeFileProgress>();
  #progress: IngestProgress;
  #reportedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(meter: { clock: Clock; onProgress: OnProgress | undefined; start: IngestProgress }) {
    this.#clock = meter.clock;
    this.#onProgress = meter.onProgress;
    this.#progress = meter.start;
  }

  addCounts(counts: FileCounts): void {
    this.#update({
      files: this.#progress.files + counts.files,
      bytes: this.#progress.bytes + counts.bytes,
      filesHashed: this.#progress.filesHashed + counts.filesHashed,
      bytesHashed: this.#progress.bytesHashed + counts.bytesHashed,
    });
  }

  addPlanned(files: number): void {
    this.#update({ plannedFiles: this.#progress.plannedFiles + files });
  }

  /** Follows a large file until it is finished, or given up by disposing what this answers. */
  followLarge(file: { sizeBytes: number }): LargeFileProgress {
    const followed = new LargeFileProgress(file.sizeBytes, (counts) => {
      this.#underWay.delete(followed);
      if (this.#underWay.size === 0) this.#stopTimer();
      if (counts !== undefined) this.addCounts(counts);
    });
    this.#underWay.add(followed);
    if (this.#onProgress !== undefined)
      this.#timer ??= setInterval(() => this.#report(), REPORT_EVERY_MS).unref();
    return followed;
  }

  enter(state: IngestState): void {
    const planned = this.#progress.planned || state === 'RUNNING' || state === 'FINALIZING';
    this.#reportedAtMs = 0;
    this.#update({ state, planned });
  }

  [Symbol.dispose](): void {
    this.#stopTimer();
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #update(change: Partial<IngestProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#report();
  }

  #report(): void {
    if (this.#onProgress === undefined) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#reportedAtMs < REPORT_EVERY_MS) return;
    this.#reportedAtMs = nowMs;
    this.#onProgress(this.#withFilesUnderWay());
  }

  #withFilesUnderWay(): IngestProgress {
    const { files, bytes, bytesHashed, planned, plannedFiles } = this.#progress;
    let read = 0;
    let left = 0;
    for (const file of this.#underWay) {
      read += file.readBytes;
      left += file.sizeBytes;
    }
    const known = planned && files + this.#underWay.size >= plannedFiles;
    return {
      ...this.#progress,
      bytes: bytes + read,
      bytesHashed: bytesHashed + read,
      bytesTotal: known ? bytes + left : undefined,
    };
  }
}

/** One large file on its way. Its bytes show while they are read; what counts in the end is what `finish` says. */
export class LargeFileProgress implements Disposable {
  readonly sizeBytes: number;
  /** One i64, for the thread that reads the file: how many bytes it has read. Read anew, it starts at zero again. */
  readonly counter: SharedArrayBuffer = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  readonly #end: (counts: FileCounts | undefined) => void;
  #ended = false;

  constructor(sizeBytes: number, end: (counts: FileCounts | undefined) => void) {
    this.sizeBytes = sizeBytes;
    this.#end = end;
  }

  get readBytes(): number {
    return Number(Atomics.load(new BigInt64Array(this.counter), 0));
  }

  finish(counts: FileCounts): void {
    this.#endWith(counts);
  }

  [Symbol.dispose](): void {
    this.#endWith(undefined);
  }

  #endWith(counts: FileCounts | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#end(counts);
  }
}
