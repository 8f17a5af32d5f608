import {
  ArtifactError,
  type BlobIndex,
  type BlobLocation,
  DIGEST_BYTES,
  type DigestBatch,
  type NewObject,
} from '@waybill/core';
import { sql } from 'kysely';
import { algorithmCode } from './algorithms.ts';
import type { CatalogSession } from './catalog-session.ts';
import { findPresent, stampUsed } from './mark-used.ts';
import { lockObjects } from './objects.ts';
import { recordBlobs } from './record-blobs.ts';
import type { DigestQuery } from './sql-dialect.ts';
import type { Database } from './tables.ts';
import { readTick } from './ticks.ts';

export function blobIndex(session: CatalogSession): BlobIndex {
  return {
    async markUsed(batch, options) {
      const query = await toQuery(session, batch, options);
      if (query === undefined) return new Uint8Array(batch.digests.length / DIGEST_BYTES);
      const { present, staleObjects } = await session.read(options, async (db) =>
        findPresent(db, { session, query, tick: await readTick(db) }),
      );
      if (staleObjects.length === 0) return present;
      return session.writeSoon('markUsed', options, (db) => stampUsed(db, { session, query }));
    },
    async locate(batch, options) {
      const query = await toQuery(session, batch, options);
      const count = batch.digests.length / DIGEST_BYTES;
      if (query === undefined) return new Array<undefined>(count).fill(undefined);
      return session.read(options, (db) => locate(session, { db, query }));
    },
    announceObject: (object, options) =>
      session.writeSoon('announceObject', options, (db) => announce(session, { db, object })),
    recordObject: ({ algorithm, ...object }, options) =>
      recordBlobs(session, {
        operation: 'recordObject',
        soon: true,
        object: { ...object, algorithm: algorithmCode(algorithm) },
        options,
      }),
    forgetObject: (objectId, options) =>
      session.writeSoon('forgetObject', options, (db) => forget(session, { db, objectId })),
  };
}

/** `undefined` when the entity has nothing recorded, or nothing is asked. */
async function toQuery(
  session: CatalogSession,
  { entity, algorithm, digests }: DigestBatch,
  options: Parameters<BlobIndex['markUsed']>[1],
): Promise<DigestQuery | undefined> {
  const entityId = await session.read(options, (db) => session.findEntity(db, entity));
  if (entityId === undefined || digests.length === 0) return undefined;
  return { entityId, algorithm: algorithmCode(algorithm), digests };
}

async function locate(
  session: CatalogSession,
  { db, query }: { db: Database; query: DigestQuery },
): Promise<(BlobLocation | undefined)[]> {
  const { rows } = await sql<{ i: number; object_key: string; byte_offset: number; byte_length: number }>`
    select b.i, o.object_key, b.byte_offset, b.byte_length
    from ${session.dialect.findBlobs(query)} b
    cross join objects o
    where o.object_id = b.object_id
  `.execute(db);
  const found = new Array<BlobLocation | undefined>(query.digests.length / DIGEST_BYTES).fill(undefined);
  for (const row of rows) {
    found[row.i] = { key: row.object_key, offset: row.byte_offset, length: row.byte_length };
  }
  return found;
}

async function announce(
  session: CatalogSession,
  { db, object }: { db: Database; object: NewObject },
): Promise<number> {
  const entity_id = await session.needEntity(db, object.entity);
  return insertObject(db, {
    entity_id,
    object_key: object.key,
    kind: object.kind,
    ingest_id: object.ingestId,
    shard_id: object.shardId,
    attempt: object.attempt,
    collection: null,
  });
}

/**
 * A new WRITING object.
 *
 * @throws ArtifactError `OBJECT_EXISTS` when the key is in the index already: keys are never used twice
 */
export async function insertObject(
  db: Database,
  object: {
    entity_id: number;
    object_key: string;
    kind: 'pack' | 'blob';
    ingest_id: string | null;
    shard_id: number | null;
    attempt: number | null;
    collection: number | null;
  },
): Promise<number> {
  const inserted = await db
    .insertInto('objects')
    .values({ ...object, state: 'WRITING', algorithm: null, condemned_at_ms: null })
    .onConflict((conflict) => conflict.column('object_key').doNothing())
    .returning('object_id')
    .executeTakeFirst();
  if (inserted !== undefined) return inserted.object_id;
  throw new ArtifactError('OBJECT_EXISTS', `object ${object.object_key} is in the catalog already`, {
    details: { subject: object.object_key },
  });
}

async function forget(
  session: CatalogSession,
  { db, objectId }: { db: Database; objectId: number },
): Promise<void> {
  const object = (await lockObjects(db, { session, objectIds: [objectId] })).get(objectId);
  if (object === undefined) return;
  if (object.state === 'STORED' || object.liveBlobs > 0) {
    throw new ArtifactError('STATE_CONFLICT', `object ${object.key} is recorded; it cannot be forgotten`, {
      details: { subject: object.key },
    });
  }
  await db.deleteFrom('objects').where('object_id', '=', objectId).execute();
}
