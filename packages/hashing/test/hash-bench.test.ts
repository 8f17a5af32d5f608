import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runHashBench } from '../bench/hash-bench.ts';

test('the bench runs, with right digests, on tiny inputs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-hash-bench-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const rows = await runHashBench({ tiny: true, rounds: 1, folder });
  expect(rows.map(({ peerName }) => peerName)).toEqual([
    'one md5sum',
    'one md5sum',
    'one md5sum',
    'xargs -P2 md5sum',
    'openssl dgst -md5',
    'the large file alone',
    'cat, 8 processes',
  ]);
  for (const { ours, peer } of rows.slice(0, -1)) {
    expect(ours).toHaveLength(1);
    expect(peer).toHaveLength(1);
    expect([...ours, ...peer].every((figure) => figure > 0 && Number.isFinite(figure))).toBe(true);
  }
});
