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

/** What is counted: its name, for one and for any other number. */
type Unit = readonly [one: string, many: string];

const FILES: Unit = ['file', 'files'];
const ENTRIES: Unit = ['entry', 'entries'];
const VERSIONS: Unit = ['version', 'versions'];
const BLOBS: Unit = ['blob', 'blobs'];
const OBJECTS: Unit = ['object', 'objects'];

/** What each step of an operation counts where that is not files. */
type StepUnits = Readonly<Record<string, Unit>>;

export const COLLECT_UNITS: StepUnits = { mark: VERSIONS, condemn: BLOBS, remove: OBJECTS };
export const CHECK_UNITS: StepUnits = { read: OBJECTS, manifest: VERSIONS };
export const REBUILD_UNITS: StepUnits = { read: OBJECTS };
export const DIFF_UNITS: StepUnits = { compare: ENTRIES };

/** Shows an ingest: `reading 12,000 of 50,000 files, 1.2 GiB, 9,120 files/s, 410.0 MiB/s, 4 s left`. */
export function showIngest(display: ProgressDisplay): (progress: IngestProgress) => void {
  const window = new RateWindow();
  return (progress) => {
    const { files, bytes, bytesTotal, planned, plannedFiles, state } = progress;
    window.add({ atMs: display.nowMs, items: files, bytes });
    const doing = DOING[state];
    display.show(doing, () => {
      const moving = state === 'PLANNING' || state === 'RUNNING';
      return progressLine({
        doing,
        unit: FILES,
        items: files,
        itemsTotal: planned && moving ? plannedFiles : undefined,
        bytes,
        bytesTotal: moving ? bytesTotal : undefined,
        window: moving ? window : undefined,
      });
    });
  };
}

/** Shows a use case: `write: 12,000 of 50,000 files, 1.2 GiB, ...`. */
export function showOperation(
  display: ProgressDisplay,
  units: StepUnits = {},
): (progress: OperationProgress) => void {
  let window = new RateWindow();
  let step = '';
  return (progress) => {
    if (progress.step !== step) window = new RateWindow();
    step = progress.step;
    window.add({ atMs: display.nowMs, items: progress.done, bytes: progress.bytesDone });
    display.show(step, () =>
      progressLine({
        doing: `${step}:`,
        unit: units[step] ?? FILES,
        items: progress.done,
        itemsTotal: progress.total,
        bytes: progress.bytesDone,
        bytesTotal: progress.bytesTotal,
        window,
      }),
    );
  };
}

interface ProgressLine {
  readonly doing: string;
  readonly unit: Unit;
  readonly items: number;
  readonly itemsTotal: number | undefined;
  readonly bytes: number;
  /** Tells better than the items what is left, as soon as it is known: they may be large and few. */
  readonly bytesTotal: number | undefined;
  /** Absent: no speed is shown. */
  readonly window: RateWindow | undefined;
}

export function progressLine(line: ProgressLine): string {
  const { doing, unit, items, itemsTotal, bytes, window } = line;
  const [one, many] = unit;
  const total = itemsTotal === undefined ? '' : ` of ${formatCount(itemsTotal)}`;
  const parts = [`${doing} ${formatCount(items)}${total} ${(itemsTotal ?? items) === 1 ? one : many}`];
  if (bytes > 0) parts.push(formatBytes(bytes));
  const { itemsPerSecond, bytesPerSecond } = window?.rates() ?? { itemsPerSecond: 0, bytesPerSecond: 0 };
  if (itemsPerSecond > 0) parts.push(`${formatCount(Math.round(itemsPerSecond))} ${many}/s`);
  if (bytesPerSecond > 0) parts.push(`${formatBytes(Math.round(bytesPerSecond))}/s`);
  const leftSeconds = secondsLeft(line, { itemsPerSecond, bytesPerSecond });
  if (leftSeconds !== undefined) parts.push(`${formatSeconds(leftSeconds)} left`);
  return parts.join(', ');
}

/** The longer of what items and bytes say. */
function secondsLeft(
  { items, itemsTotal, bytes, bytesTotal }: ProgressLine,
  speed: { itemsPerSecond: number; bytesPerSecond: number },
): number | undefined {
  const left = [
    [itemsTotal, items, speed.itemsPerSecond],
    [bytesTotal, bytes, speed.bytesPerSecond],
  ] as const;
  const seconds = left.flatMap(([total, done, perSecond]) =>
    total === undefined || perSecond <= 0 ? [] : [Math.max(0, total - done) / perSecond],
  );
  return seconds.length === 0 ? undefined : Math.max(...seconds);
}
