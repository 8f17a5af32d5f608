import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ProcessMeter } from '../src/process-meter.ts';

test('processor time is that of the process, and passes', () => {
  const meter = new ProcessMeter();
  const end = performance.now() + 100;
  while (performance.now() < end);
  const busy = meter.look();
  expect(busy.elapsedMs).toBeGreaterThanOrEqual(100);
  // Either this thread had a processor, or it waited for one.
  if (existsSync('/proc/self/schedstat')) expect(busy.cpuMs + busy.queuedMs).toBeGreaterThan(50);
  const again = meter.look();
  expect(again.elapsedMs).toBeLessThan(busy.elapsedMs);
  expect(again.diskBytes).toBeGreaterThanOrEqual(0);
});
