import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CacheRow } from '@waybill/core';
import { createStatCacheReader, openStatCache } from '../src/index.ts';
import { printRate, type Times, times } from './measure.ts';

/** Rows per second of the stat cache: recording new rows, recording them again, finding them batch by batch. */

const ROWS = Number(process.argv[2] ?? 20_000);
const BATCH = 1_000;
const SHARD = 10_000;

const folder = await mkdtemp(join(tmpdir(), 'waybill-bench-'));
try {
  const path = join(folder, 'stat-cache.sqlite');
  const signatures = randomBytes(32 * BATCH);
  const digests = randomBytes(16 * BATCH);
  const rows = Array.from({ length: ROWS }, (_, index): CacheRow => {
    const at = index % BATCH;
    return {
      path: `/data/images/train/class-${String(Math.floor(index / 1_000)).padStart(5, '0')}/${String(index % 1_000).padStart(4, '0')}-image.jpg`,
      signature: signatures.subarray(at * 32, at * 32 + 32),
      digest: digests.subarray(at * 16, at * 16 + 16),
      algorithm: 'MD5',
      ingest: 3,
    };
  });
  await using cache = await openStatCache({
    path,
    catalogId: 'bench',
    warn: (message) => {
      throw new Error(message);
    },
  });
  using reader = createStatCacheReader({ path });

  const encoded: Uint8Array[] = [];
  report('encode', () => {
    for (let at = 0; at < ROWS; at += BATCH) encoded.push(reader.encodeRows(rows.slice(at, at + BATCH)));
  });
  for (const pass of ['keep, new', 'keep, again']) {
    const start = times();
    for (let at = 0; at < encoded.length; at += SHARD / BATCH)
      await cache.keep(encoded.slice(at, at + SHARD / BATCH));
    print(pass, start);
  }
  for (let pass = 0; pass < 3; pass++) {
    report('find', () => {
      let found = 0;
      for (let at = 0; at < ROWS; at += BATCH) {
        const batch = rows.slice(at, at + BATCH);
        const [first, last] = [batch[0], batch.at(-1)];
        if (first === undefined || last === undefined) continue;
        using range = reader.openRange({ firstPath: first.path, lastPath: last.path, algorithm: 'MD5' });
        for (const row of batch) if (range.find(row.path, row.signature) !== undefined) found++;
      }
      if (found !== ROWS) throw new Error(`found ${found} of ${ROWS}`);
    });
  }
  console.log(`${((await stat(path)).size / ROWS).toFixed(0)} bytes a row in the file`);
} finally {
  await rm(folder, { recursive: true });
}

function report(name: string, work: () => void): void {
  const start = times();
  work();
  print(name, start);
}

function print(name: string, start: Times): void {
  printRate(name, { count: ROWS, unit: 'rows', start });
}
