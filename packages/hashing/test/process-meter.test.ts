import { expect, test } from 'vitest';
import { ProcessMeter } from '../src/process-meter.ts';

test('processor time is that of the process, and passes', () => {
  const meter = new ProcessMeter();
  const before = process.cpuUsage().user;
  while (process.cpuUsage().user < before + 60_000);
  const busy = meter.look();
  expect(busy.cpuMs).toBeGreaterThanOrEqual(60);
  expect(busy.elapsedMs).toBeGreaterThan(0);
  const again = meter.look();
  expect(again.cpuMs).toBeLessThan(busy.cpuMs);
  expect(again.diskBytes).toBeGreaterThanOrEqual(0);
  expect(again.queuedMs).toBeGreaterThanOrEqual(0);
});
