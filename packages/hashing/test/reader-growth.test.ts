import { expect, test } from 'vitest';
import { ReaderGrowth } from '../src/reader-growth.ts';

const waiting = { elapsedMs: 40, cpuMs: 10, queuedMs: 0, diskBytes: 0 };
const MANY = 100;

test('doubles up to the most while tasks wait and there are enough of them', () => {
  const growth = new ReaderGrowth({ start: 2, max: 7, cpus: 2 });
  const seen = [growth.concurrency];
  for (let i = 0; i < 6; i++) {
    growth.observe(waiting, MANY);
    seen.push(growth.concurrency);
  }
  expect(seen).toEqual([2, 2, 4, 4, 7, 7, 7]);
});

test.each([
  {
    reason: 'the processors are busy',
    use: { elapsedMs: 40, cpuMs: 60, queuedMs: 0, diskBytes: 4096 },
    working: MANY,
  },
  {
    reason: 'others have the processors',
    use: { elapsedMs: 40, cpuMs: 10, queuedMs: 50, diskBytes: 0 },
    working: MANY,
  },
  { reason: 'tasks are too few, or wait for answers', use: waiting, working: 1 },
  { reason: 'tasks are too few for the disk', use: { ...waiting, diskBytes: 1e8 }, working: 1 },
])('does not grow when $reason', ({ use, working }) => {
  const growth = new ReaderGrowth({ start: 2, max: 8, cpus: 2 });
  for (let i = 0; i < 10; i++) growth.observe(use, working);
  expect(growth.concurrency).toBe(2);
});

test('does not grow for the disk while the processors are busy all the same', () => {
  const growth = new ReaderGrowth({ start: 2, max: 8, cpus: 2 });
  for (const cpuMs of [68, 80, 100]) {
    growth.observe({ elapsedMs: 40, cpuMs, queuedMs: 0, diskBytes: 1e8 }, MANY);
    growth.observe({ elapsedMs: 40, cpuMs: 20, queuedMs: cpuMs - 20, diskBytes: 1e8 }, MANY);
  }
  expect(growth.concurrency).toBe(2);
});

test('doubles with every look that sees the disk read and a processor with time left', () => {
  const growth = new ReaderGrowth({ start: 2, max: 8, cpus: 2 });
  for (const expected of [4, 8, 8]) {
    growth.observe({ elapsedMs: 40, cpuMs: 67, queuedMs: 0, diskBytes: 5e6 }, MANY);
    expect(growth.concurrency).toBe(expected);
  }
});

test('one low look among others is not enough', () => {
  const growth = new ReaderGrowth({ start: 2, max: 8, cpus: 2 });
  for (let i = 0; i < 10; i++) growth.observe(i % 2 === 0 ? waiting : { ...waiting, cpuMs: 70 }, MANY);
  expect(growth.concurrency).toBe(2);
});

test('a start above the most is the most', () => {
  expect(new ReaderGrowth({ start: 16, max: 8, cpus: 2 }).max).toBe(16);
});
