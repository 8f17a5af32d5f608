import type { IngestProgress } from '@waybill/pipeline';
import { describe, expect, test } from 'vitest';
import { ProgressDisplay } from '../src/progress-display.ts';
import {
  CHECK_UNITS,
  COLLECT_UNITS,
  DIFF_UNITS,
  progressLine,
  REBUILD_UNITS,
  showIngest,
  showOperation,
} from '../src/progress-text.ts';
import { RateWindow } from '../src/rate-window.ts';
import { MemoryOutput } from './fake-surroundings.ts';

const MIB = 1_048_576;

const START: IngestProgress = {
  ingestId: 'i1',
  state: 'PLANNING',
  files: 0,
  bytes: 0,
  filesHashed: 0,
  bytesHashed: 0,
  plannedFiles: 0,
  planned: false,
};

describe('RateWindow', () => {
  test('no speed before there is a span of time', () => {
    const window = new RateWindow();
    expect(window.rates()).toEqual({ itemsPerSecond: 0, bytesPerSecond: 0 });
    window.add({ atMs: 5, items: 10, bytes: 10 });
    expect(window.rates()).toEqual({ itemsPerSecond: 0, bytesPerSecond: 0 });
  });

  test('only the last ten seconds count', () => {
    const window = new RateWindow();
    window.add({ atMs: 0, items: 0, bytes: 0 });
    window.add({ atMs: 10_000, items: 100_000, bytes: 0 });
    window.add({ atMs: 20_000, items: 100_100, bytes: 5_000 });
    expect(window.rates()).toEqual({ itemsPerSecond: 10, bytesPerSecond: 500 });
  });

  test('ten seconds it is, however fast the samples come', () => {
    const window = new RateWindow();
    // Fast until the eleventh second, slow from then on.
    for (let atMs = 0; atMs <= 20_000; atMs += 10) {
      window.add({ atMs, items: Math.min(atMs, 11_000), bytes: 0 });
    }
    expect(window.rates().itemsPerSecond).toBeGreaterThan(80);
    expect(window.rates().itemsPerSecond).toBeLessThan(120);
  });

  test('samples that come fast do not pile up, and the speed stays right', () => {
    const window = new RateWindow();
    for (let atMs = 0; atMs <= 20_000; atMs += 1) window.add({ atMs, items: atMs, bytes: 2 * atMs });
    expect(window.rates().itemsPerSecond).toBeCloseTo(1_000);
    expect(window.rates().bytesPerSecond).toBeCloseTo(2_000);
  });
});

describe('progress lines', () => {
  test('total and time left appear once they are known', () => {
    const window = new RateWindow();
    window.add({ atMs: 0, items: 0, bytes: 0 });
    window.add({ atMs: 2_000, items: 1_000, bytes: 20 * MIB });
    const line = {
      doing: 'reading',
      unit: ['file', 'files'],
      items: 1_000,
      bytes: 20 * MIB,
      bytesTotal: undefined,
      window,
    } as const;
    expect(progressLine({ ...line, itemsTotal: undefined })).toBe(
      'reading 1,000 files, 20.0 MiB, 500 files/s, 10.0 MiB/s',
    );
    expect(progressLine({ ...line, itemsTotal: 31_000 })).toBe(
      'reading 1,000 of 31,000 files, 20.0 MiB, 500 files/s, 10.0 MiB/s, 1:00 left',
    );
    // A few large files are what is waited for, not the many small ones.
    expect(progressLine({ ...line, itemsTotal: 1_001, bytesTotal: 1_220 * MIB })).toBe(
      'reading 1,000 of 1,001 files, 20.0 MiB, 500 files/s, 10.0 MiB/s, 2:00 left',
    );
  });

  test('an ingest on a terminal is redrawn in place, and taken away at the end', () => {
    let nowMs = 0;
    const shown: string[] = [];
    const live = { update: (text: string) => shown.push(text), clear: () => shown.push('') };
    const errors = new MemoryOutput(true);
    {
      using display = new ProgressDisplay({ errors, live, quiet: false, nowMs: () => nowMs });
      const show = showIngest(display);
      show(START);
      nowMs = 1_000;
      show({ ...START, files: 10, bytes: 1_024, plannedFiles: 20 });
      nowMs = 2_000;
      show({ ...START, state: 'RUNNING', planned: true, files: 20, bytes: 2_048, plannedFiles: 40 });
      show({ ...START, state: 'FINALIZING', planned: true, files: 40, bytes: 4_096, plannedFiles: 40 });
    }
    expect(shown).toEqual([
      'reading 0 files',
      'reading 10 files, 1.0 KiB, 10 files/s, 1.0 KiB/s',
      'reading 20 of 40 files, 2.0 KiB, 10 files/s, 1.0 KiB/s, 2.0 s left',
      'writing the manifest of 40 files, 4.0 KiB',
      '',
    ]);
    expect(errors.text).toBe('');
  });

  test('a terminal is redrawn ten times a second, and at once when something else begins', () => {
    let nowMs = 0;
    const shown: string[] = [];
    const live = { update: (text: string) => shown.push(text), clear: () => undefined };
    const errors = new MemoryOutput(true);
    using display = new ProgressDisplay({ errors, live, quiet: false, nowMs: () => nowMs });
    const show = showOperation(display);
    const progress = { total: undefined, bytesDone: 0, bytesTotal: undefined };
    for (nowMs = 0; nowMs < 1_000; nowMs += 1) show({ step: 'write', done: nowMs, ...progress });
    expect(shown).toHaveLength(10);
    show({ step: 'remove', done: 1, ...progress });
    show({ step: 'remove', done: 2, ...progress });
    expect(shown.at(-1)).toBe('remove: 1 file');
  });

  test.for([
    [COLLECT_UNITS, 'mark', 'mark: 2 versions'],
    [COLLECT_UNITS, 'condemn', 'condemn: 2 blobs'],
    [COLLECT_UNITS, 'remove', 'remove: 2 objects'],
    [CHECK_UNITS, 'read', 'read: 2 objects'],
    [CHECK_UNITS, 'manifest', 'manifest: 2 versions'],
    [REBUILD_UNITS, 'read', 'read: 2 objects'],
    [DIFF_UNITS, 'compare', 'compare: 2 entries'],
    [{}, 'compare', 'compare: 2 files'],
  ] as const)('what is counted is called what it is: %j %s', ([units, step, line]) => {
    const shown: string[] = [];
    const live = { update: (text: string) => shown.push(text), clear: () => undefined };
    const errors = new MemoryOutput(true);
    using display = new ProgressDisplay({ errors, live, quiet: false, nowMs: () => 0 });
    showOperation(display, units)({ step, done: 2, total: undefined, bytesDone: 0, bytesTotal: undefined });
    expect(shown).toEqual([line]);
  });

  test('elsewhere a line every five seconds', () => {
    let nowMs = 0;
    const errors = new MemoryOutput();
    using display = new ProgressDisplay({ errors, live: undefined, quiet: false, nowMs: () => nowMs });
    const show = showOperation(display);
    for (nowMs = 0; nowMs <= 12_000; nowMs += 100) {
      show({ step: 'write', done: nowMs, total: undefined, bytesDone: 0, bytesTotal: undefined });
    }
    expect(errors.text).toBe('write: 5,000 files, 1,000 files/s\nwrite: 10,000 files, 1,000 files/s\n');
  });

  test('under --json nothing is shown', () => {
    const errors = new MemoryOutput();
    let nowMs = 0;
    using display = new ProgressDisplay({ errors, live: undefined, quiet: true, nowMs: () => nowMs });
    nowMs = 60_000;
    showIngest(display)(START);
    expect(errors.text).toBe('');
  });
});
