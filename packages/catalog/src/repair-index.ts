import { type CallOptions, type CollectionCatalog, DIGEST_BYTES } from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import { algorithmCode } from './algorithms.ts';
import { insertObject } from './blob-index.ts';
import type { CatalogSession } from './catalog-session.ts';
import { lockObjects, type Removed, uncount } from './objects.ts';
import { BLOBS_PER_WRITE, recordBlobs } from './record-blobs.ts';
import type { Database } from './tables.ts';
import { readTick } from './ticks.ts';

type DropBatch = Parameters<CollectionCatalog['dropBlobs']>[0];
type Adoption = Parameters<CollectionCatalog['adoptObject']>[0];

/** Takes blobs out of the index; objects left empty become condemned. */
export async function dropBlobs(
  session: CatalogSession,
  { batch, options }: { batch: DropBatch; options: CallOptions | undefined },
): Promise<number> {
  const { entity, algorithm, digests, objectId } = batch;
  let dropped = 0;
  const bytesPerWrite = BLOBS_PER_WRITE * DIGEST_BYTES;
  for (let start = 0; start < digests.length; start += bytesPerWrite) {
    const some = digests.subarray(start, start + bytesPerWrite);
    dropped += await session.write('dropBlobs', options, async (db) => {
      await voidProofs(db);
      const entityId = (await session.findEntity(db, entity)) ?? 0;
      const query = { entityId, algorithm: algorithmCode(algorithm), digests: some };
      const here = objectId === undefined ? sql`true` : sql`b.object_id = ${objectId}`;
      const found = sql`select b.blob_id, b.object_id from ${session.dialect.findBlobs(query)} b where ${here}`;
      return removeBlobs(session, { db, found });
    });
  }
  return dropped;
}

/** Empties the index of an entity. Interrupted, it is to be called again: until then blobs are missing. */
export async function resetIndex(
  session: CatalogSession,
  { entity, options }: { entity: string; options: CallOptions | undefined },
): Promise<void> {
  const entityId = await session.read(options, (db) => session.findEntity(db, entity));
  if (entityId === undefined) return;
  const limit = sql.lit(BLOBS_PER_WRITE);
  const someBlobs = sql`delete from blobs where blob_id in (
    select blob_id from blobs where entity_id = ${entityId} limit ${limit})`;
  const someObjects = sql`delete from objects where object_id in (
    select o.object_id from objects o where o.entity_id = ${entityId}
      and not exists (select 1 from blobs b where b.object_id = o.object_id) limit ${limit})`;
  for (const statement of [someBlobs, someObjects]) {
    for (let removed = BLOBS_PER_WRITE; removed === BLOBS_PER_WRITE; ) {
      removed = await session.write('resetIndex', options, async (db) => {
        await voidProofs(db);
        const { numAffectedRows } = await statement.execute(db);
        return Number(numAffectedRows);
      });
    }
  }
}

/** Adds an object that was found in the store; it counts as used now. */
export async function adoptObject(
  session: CatalogSession,
  { object, options }: { object: Adoption; options: CallOptions | undefined },
): Promise<number> {
  const { entity, key, kind, algorithm, sizeBytes, blobs } = object;
  const objectId = await session.write('adoptObject', options, async (db) =>
    insertObject(db, {
      entity_id: await session.needEntity(db, entity),
      object_key: key,
      kind,
      ingest_id: null,
      shard_id: null,
      attempt: null,
      // Left WRITING by a crash, it is taken up by the next collection.
      collection: await readTick(db),
    }),
  );
  await recordBlobs(session, {
    operation: 'adoptObject',
    object: { objectId, entity, algorithm: algorithmCode(algorithm), sizeBytes, blobs },
    options,
  });
  return objectId;
}

/** What ingests recorded so far proves nothing any more about what is stored. */
async function voidProofs(db: Database): Promise<void> {
  await db
    .updateTable('catalog_state')
    .set((row) => ({ proofs_void_up_to: row.ref('ingest_sequence') }))
    .execute();
}

async function removeBlobs(
  session: CatalogSession,
  { db, found }: { db: Database; found: RawBuilder<unknown> },
): Promise<number> {
  const { rows } = await sql<{ blob_id: number; object_id: number }>`${found}`.execute(db);
  if (rows.length === 0) return 0;
  const objectIds = [...new Set(rows.map(({ object_id }) => object_id))];
  await lockObjects(db, { session, objectIds });
  const removed = await sql<Removed>`
    delete from blobs
    where blob_id in ${session.dialect.integers(rows.map(({ blob_id }) => blob_id))}
      and object_id in ${session.dialect.integers(objectIds)}
    returning object_id, byte_length
  `.execute(db);
  return (await uncount(db, { session, removed: removed.rows })).blobs;
}
