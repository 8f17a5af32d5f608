import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runManifestBench } from '../bench/manifest-bench.ts';
import { namesIn } from './fixtures.ts';

test('the bench runs on a small manifest', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-bench-'));
  const rows = await runManifestBench({ tiny: true, rounds: 1, folder });
  expect(rows.map(({ ours }) => ours.length)).toEqual([1, 1, 1, 1, 1]);
  for (const { ours } of rows) expect(ours[0]).toBeGreaterThan(0);
  expect(await namesIn(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});
