import { type BlobTotals, invariant, type ObjectKey } from '@waybill/core';
import { sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import type { Database } from './tables.ts';

type ObjectState = 'WRITING' | 'STORED' | 'CONDEMNED';

export interface LockedObject {
  readonly objectId: number;
  readonly key: ObjectKey;
  readonly state: ObjectState;
  readonly liveBlobs: number;
}

/** Locks objects in the order of their ids, the order everyone locks them in; blobs are changed under these locks. */
export async function lockObjects(
  db: Database,
  { session, objectIds }: { session: CatalogSession; objectIds: readonly number[] },
): Promise<Map<number, LockedObject>> {
  const { rows } = await sql<{
    object_id: number;
    object_key: string;
    state: ObjectState;
    live_blobs: number;
  }>`
    select object_id, object_key, state, live_blobs from objects
    where object_id in ${session.dialect.integers(objectIds)}
    order by object_id ${session.dialect.lockRows}
  `.execute(db);
  return new Map(
    rows.map((row) => [
      row.object_id,
      { objectId: row.object_id, key: row.object_key, state: row.state, liveBlobs: row.live_blobs },
    ]),
  );
}

/** Blobs that left the index, by object. */
export interface Removed {
  readonly object_id: number;
  readonly byte_length: number;
}

/**
 * Takes removed blobs off the counters of their objects, whose locks are held. Stored objects left without any
 * become condemned.
 */
export async function uncount(
  db: Database,
  { session, removed }: { session: CatalogSession; removed: readonly Removed[] },
): Promise<BlobTotals> {
  if (removed.length === 0) return { blobs: 0, bytes: 0 };
  const sums = sumByObject(removed);
  const objectIds = [...sums.keys()];
  const counts = [...sums.values()];
  const rows = session.dialect.integerRows({
    object_id: objectIds,
    blobs: counts.map(({ blobs }) => blobs),
    bytes: counts.map(({ bytes }) => bytes),
  });
  const { numAffectedRows } = await sql`
    update objects set live_blobs = live_blobs - r.blobs, live_bytes = live_bytes - r.bytes
    from ${rows} r where objects.object_id = r.object_id
  `.execute(db);
  invariant(
    Number(numAffectedRows) === objectIds.length,
    'blob-without-object',
    'blobs of the index name an object that is not there',
  );
  await db
    .updateTable('objects')
    .set({ state: 'CONDEMNED', condemned_at_ms: session.clock.nowMs() })
    .where('object_id', 'in', sql<number>`${session.dialect.integers(objectIds)}`)
    .where('state', '=', 'STORED')
    .where('live_blobs', '=', 0)
    .execute();
  return { blobs: removed.length, bytes: counts.reduce((total, { bytes }) => total + bytes, 0) };
}

function sumByObject(removed: readonly Removed[]): Map<number, BlobTotals> {
  const sums = new Map<number, BlobTotals>();
  for (const { object_id, byte_length } of removed) {
    const { blobs, bytes } = sums.get(object_id) ?? { blobs: 0, bytes: 0 };
    sums.set(object_id, { blobs: blobs + 1, bytes: bytes + byte_length });
  }
  return sums;
}
