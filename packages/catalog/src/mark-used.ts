import { DIGEST_BYTES } from '@waybill/core';
import { sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import { lockObjects } from './objects.ts';
import type { DigestQuery } from './sql-dialect.ts';
import type { Database } from './tables.ts';
import { readTick } from './ticks.ts';

interface Found {
  readonly present: Uint8Array;
  /** Objects that hold some of them and were last used before the tick. */
  readonly staleObjects: readonly number[];
}

/** Which of the digests are in the index, and what must be stamped before that may be relied on. */
export async function findPresent(
  db: Database,
  { session, query, tick }: { session: CatalogSession; query: DigestQuery; tick: number },
): Promise<Found> {
  const { rows } = await sql<{ i: number; object_id: number; is_stale: number }>`
    select b.i, b.object_id, case when o.used_tick < ${tick} then 1 else 0 end as is_stale
    from ${session.dialect.findBlobs(query)} b
    cross join objects o
    where o.object_id = b.object_id
  `.execute(db);
  const present = new Uint8Array(query.digests.length / DIGEST_BYTES);
  const stale = new Set<number>();
  for (const row of rows) {
    present[row.i] = 1;
    if (row.is_stale === 1) stale.add(row.object_id);
  }
  return { present, staleObjects: [...stale] };
}

/**
 * Stamps the objects that hold these blobs with the tick, so that no collection an open ingest can meet takes the
 * blobs away, and answers which are still there then. A collection that was faster has removed its blobs before
 * the objects' locks were got, and they count as missing.
 */
export async function stampUsed(
  db: Database,
  { session, query }: { session: CatalogSession; query: DigestQuery },
): Promise<Uint8Array> {
  const tick = await readTick(db);
  for (;;) {
    const { present, staleObjects } = await findPresent(db, { session, query, tick });
    if (staleObjects.length === 0) return present;
    await lockObjects(db, { session, objectIds: staleObjects });
    await db
      .updateTable('objects')
      .set({ used_tick: tick })
      .where('object_id', 'in', sql<number>`${session.dialect.integers(staleObjects)}`)
      .where('used_tick', '<', tick)
      .execute();
  }
}
