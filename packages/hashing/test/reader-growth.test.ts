import { expect, test } from 'vitest';
import { ReaderGrowth } from '../src/reader-growth.ts';

const waiting = { wallMs: 100, cpuMs: 10, blockedMs: 0 };

test('doubles up to the most while tasks wait and there are enough of them', () => {
  const growth = new ReaderGrowth({ start: 2, max: 7 });
  const seen = [growth.concurrency];
  for (let i = 0; i < 3; i++) {
    growth.observe(waiting, 100);
    seen.push(growth.concurrency);
  }
  expect(seen).toEqual([2, 4, 7, 7]);
});

test('does not grow for tasks that compute, that wait for other threads, or that are too few', () => {
  const growth = new ReaderGrowth({ start: 2, max: 8 });
  for (let i = 0; i < 10; i++) {
    growth.observe({ wallMs: 100, cpuMs: 60, blockedMs: 0 }, 100);
    growth.observe({ wallMs: 100, cpuMs: 6, blockedMs: 90 }, 100);
    growth.observe(waiting, 1);
  }
  expect(growth.concurrency).toBe(2);
});

test('a start above the most is the most', () => {
  expect(new ReaderGrowth({ start: 16, max: 8 }).max).toBe(16);
});
