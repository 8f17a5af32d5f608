import { ArtifactError, type BlobRows, type CallOptions } from '@waybill/core';
import { sql } from 'kysely';
import { sliceBlobs } from './blob-rows.ts';
import type { CatalogSession } from './catalog-session.ts';
import { stampUsed } from './mark-used.ts';
import { lockObjects } from './objects.ts';
import type { DigestQuery } from './sql-dialect.ts';
import type { Database } from './tables.ts';
import { readTick } from './ticks.ts';

/** Blobs written in one transaction: well below 100 ms. */
export const BLOBS_PER_WRITE = 10_000;

export interface DurableObject {
  readonly objectId: number;
  readonly entity: string;
  /** As the index writes it. */
  readonly algorithm: number;
  readonly sizeBytes: number;
  readonly blobs: BlobRows;
}

/**
 * Adds the blobs of a durable object that is still WRITING and makes it STORED with the last of them. A process that
 * dies in between leaves a WRITING object with blobs; those are good, and collection makes it STORED later.
 *
 * @returns how many blobs of the index lie in it now; when none does, it is condemned at once
 * @throws ArtifactError `STATE_CONFLICT` when the object is no longer WRITING
 */
export async function recordBlobs(
  session: CatalogSession,
  record: { operation: string; object: DurableObject; options: CallOptions | undefined; soon?: boolean },
): Promise<number> {
  const { operation, object, options } = record;
  const write = record.soon === true ? session.writeSoon.bind(session) : session.write.bind(session);
  const count = object.blobs.offsets.length;
  let live = 0;
  for (let start = 0; start === 0 || start < count; start += BLOBS_PER_WRITE) {
    const end = Math.min(count, start + BLOBS_PER_WRITE);
    const blobs = sliceBlobs(object.blobs, start, end);
    live = await write(operation, options, (db) =>
      recordSome(session, { db, object: { ...object, blobs }, isLast: end === count }),
    );
  }
  return live;
}

async function recordSome(
  session: CatalogSession,
  { db, object, isLast }: { db: Database; object: DurableObject; isLast: boolean },
): Promise<number> {
  const { objectId, entity, algorithm, sizeBytes } = object;
  const before = (await lockObjects(db, { session, objectIds: [objectId] })).get(objectId);
  if (before?.state !== 'WRITING') throw givenUp(objectId, before?.key);
  const entityId = await session.needEntity(db, entity);
  const tick = await readTick(db);
  const added = await insertBlobs(db, { session, entityId, object });
  const live = before.liveBlobs + added.blobs;
  const end = isLast
    ? { state: live > 0 ? 'STORED' : 'CONDEMNED', condemned_at_ms: live > 0 ? null : session.clock.nowMs() }
    : {};
  await db
    .updateTable('objects')
    .set((row) => ({
      algorithm,
      size_bytes: sizeBytes,
      used_tick: tick,
      live_blobs: live,
      live_bytes: row('live_bytes', '+', added.bytes),
      ...end,
    }))
    .where('object_id', '=', objectId)
    .execute();
  return live;
}

/** Inserts what is not there yet; what is there is marked used, so that the caller may rely on it just the same. */
async function insertBlobs(
  db: Database,
  insert: { session: CatalogSession; entityId: number; object: DurableObject },
): Promise<{ blobs: number; bytes: number }> {
  const { session, entityId, object } = insert;
  const { algorithm, objectId, blobs } = object;
  if (blobs.offsets.length === 0) return { blobs: 0, bytes: 0 };
  const query: DigestQuery = { entityId, algorithm, digests: blobs.digests };
  let count = 0;
  for (;;) {
    const { numAffectedRows } = await sql`
      insert into blobs (entity_id, algorithm, digest, object_id, byte_offset, byte_length)
      select ${entityId}, ${algorithm}, r.digest, ${objectId}, r.byte_offset, r.byte_length
      from ${session.dialect.blobRows(blobs)} r
      where true
      order by r.digest
      on conflict (entity_id, algorithm, digest) do nothing
    `.execute(db);
    count += Number(numAffectedRows ?? 0n);
    if (count === blobs.offsets.length) return { blobs: count, bytes: sum(blobs.lengths) };
    // A blob may leave with another object between the two statements: then it is inserted after all.
    const present = await stampUsed(db, { session, query });
    if (!present.includes(0)) break;
  }
  return { blobs: count, bytes: await ownBytes(db, { session, query, objectId }) };
}

async function ownBytes(
  db: Database,
  own: { session: CatalogSession; query: DigestQuery; objectId: number },
): Promise<number> {
  const { session, query, objectId } = own;
  const { rows } = await sql<{ byte_length: number }>`
    select distinct b.blob_id, b.byte_length
    from ${session.dialect.findBlobs(query)} b
    where b.object_id = ${objectId}
  `.execute(db);
  return rows.reduce((total, row) => total + row.byte_length, 0);
}

function sum(numbers: Float64Array): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function givenUp(objectId: number, key: string | undefined): ArtifactError {
  const name = key ?? `number ${objectId}`;
  return new ArtifactError(
    'STATE_CONFLICT',
    `object ${name} was given up meanwhile: its ingest ended, or another attempt took its place`,
    { details: { subject: name } },
  );
}
