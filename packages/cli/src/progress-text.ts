import type { IngestState } from '@waybill/core';
import type { OperationProgress } from '@waybill/operations';
import type { IngestProgress } from '@waybill/pipeline';
import type { ProgressDisplay } from './progress-display.ts';
import { RateWindow } from './rate-window.ts';
import { formatBytes, formatCount, formatSeconds } from './text.ts';

const DOING: Readonly<Record<IngestState, string>> = {
  PLANNING: 'reading',
  RUNNING: 'reading',
  FINALIZING: 'writing the manifest of',
  COMMITTED: 'committed',
  FAILED: 'failed after',
  CANCELLING: 'stopping after',
  CANCELLED: 'stopped after',
};

/** Shows an ingest: `reading 12,000 of 50,000 files, 1.2 GiB, 9,120 files/s, 410.0 MiB/s, 4 s left`. */
export function showIngest(display: ProgressDisplay): (progress: IngestProgress) => void {
  const window = new RateWindow();
  return (progress) => {
    const { files, bytes, planned, plannedFiles, state } = progress;
    window.add({ atMs: display.nowMs, files, bytes });
    display.show(() => {
      const moving = state === 'PLANNING' || state === 'RUNNING';
      return progressLine({
        doing: DOING[state],
        files,
        filesTotal: planned && moving ? plannedFiles : undefined,
        bytes,
        window: moving ? window : undefined,
      });
    });
  };
}

/** Shows a use case: `write 12,000 of 50,000, 1.2 GiB, ...`. */
export function showOperation(display: ProgressDisplay): (progress: OperationProgress) => void {
  let window = new RateWindow();
  let step = '';
  return (progress) => {
    if (progress.step !== step) window = new RateWindow();
    step = progress.step;
    window.add({ atMs: display.nowMs, files: progress.done, bytes: progress.bytesDone });
    display.show(() =>
      progressLine({
        doing: `${step}:`,
        files: progress.done,
        filesTotal: progress.total,
        bytes: progress.bytesDone,
        window,
      }),
    );
  };
}

interface ProgressLine {
  readonly doing: string;
  readonly files: number;
  readonly filesTotal: number | undefined;
  readonly bytes: number;
  /** Absent: no speed is shown. */
  readonly window: RateWindow | undefined;
}

export function progressLine({ doing, files, filesTotal, bytes, window }: ProgressLine): string {
  const total = filesTotal === undefined ? '' : ` of ${formatCount(filesTotal)}`;
  const parts = [`${doing} ${formatCount(files)}${total} files`];
  if (bytes > 0) parts.push(formatBytes(bytes));
  const { filesPerSecond, bytesPerSecond } = window?.rates() ?? { filesPerSecond: 0, bytesPerSecond: 0 };
  if (filesPerSecond > 0) parts.push(`${formatCount(Math.round(filesPerSecond))} files/s`);
  if (bytesPerSecond > 0) parts.push(`${formatBytes(Math.round(bytesPerSecond))}/s`);
  if (filesPerSecond > 0 && filesTotal !== undefined) {
    parts.push(`${formatSeconds(Math.max(0, filesTotal - files) / filesPerSecond)} left`);
  }
  return parts.join(', ');
}
