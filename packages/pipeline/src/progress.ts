import type { Clock, FileCounts, IngestState } from '@waybill/core';

/** How far an ingest is. Counts include what earlier executions had done. */
export interface IngestProgress extends FileCounts {
  readonly ingestId: string;
  readonly state: IngestState;
  /** Files found by the walk so far. */
  readonly plannedFiles: number;
  /** Whether the walk is over, so that `plannedFiles` is the total. */
  readonly planned: boolean;
}

export type OnProgress = (progress: IngestProgress) => void;

const REPORT_EVERY_MS = 100;

/** Adds up what the stages report and tells the caller, a few times a second. */
export class ProgressMeter {
  readonly #clock: Clock;
  readonly #onProgress: OnProgress | undefined;
  #progress: IngestProgress;
  #reportedAtMs = 0;

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

  enter(state: IngestState): void {
    const planned = this.#progress.planned || state === 'RUNNING' || state === 'FINALIZING';
    this.#reportedAtMs = 0;
    this.#update({ state, planned });
  }

  #update(change: Partial<IngestProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    if (this.#onProgress === undefined) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#reportedAtMs < REPORT_EVERY_MS) return;
    this.#reportedAtMs = nowMs;
    this.#onProgress(this.#progress);
  }
}
