import {
  ArtifactError,
  type CollectableObject,
  type CollectionCatalog,
  type ObjectKey,
  type PackUse,
} from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import { algorithmOf } from './algorithms.ts';
import { insertObject } from './blob-index.ts';
import type { CatalogSession } from './catalog-session.ts';
import { listObjectBlobs, moveBlobs } from './move-blobs.ts';
import { lockObjects } from './objects.ts';
import { adoptObject, dropBlobs, resetIndex } from './repair-index.ts';
import { selectVersions } from './select-versions.ts';
import type { Database } from './tables.ts';
import { UnreferencedBlobs } from './unreferenced-blobs.ts';

export function collectionCatalog(session: CatalogSession): CollectionCatalog {
  const unreferenced = new UnreferencedBlobs(session);
  return {
    beginCollection: (entity, options) => unreferenced.begin(entity, options),
    listRetainedVersions({ entity, thresholdTick, after = 0, limit }, options) {
      const where = sql`e.name = ${entity} and v.entity_id = e.entity_id and v.version_id > ${after}
        and (v.state = 'COMMITTED' or v.deleted_tick >= ${thresholdTick})`;
      return session.read(options, (db) => selectVersions(db, { where, limit }));
    },
    markReferenced: (batch, options) => unreferenced.mark(batch, options),
    listUnreferenced: (scope, options) => unreferenced.list(scope, options),
    condemnUnreferenced: (scope, options) => unreferenced.condemn(scope, options),
    condemnAbandoned: (entity, options) =>
      session.write('condemnAbandoned', options, (db) => condemnAbandoned(session, { db, entity })),
    countAbandoned: (entity, options) => session.read(options, (db) => countAbandoned(db, entity)),
    async listCondemned({ entity, condemnedBeforeMs, after = 0, limit }, options) {
      const where = sql`o.state = 'CONDEMNED' and o.condemned_at_ms <= ${condemnedBeforeMs}`;
      const rows = await session.read(options, (db) => selectObjects(db, { entity, where, after, limit }));
      return rows.map(toCollectable);
    },
    dropObject: (objectId, options) =>
      session.write('dropObject', options, (db) => dropObject(session, { db, objectId })),
    async listSparsePacks({ entity, liveShareBelow, after = 0, limit }, options) {
      const where = sql`o.state = 'STORED' and o.kind = 'pack' and o.live_bytes < o.size_bytes * ${sql.lit(liveShareBelow)}`;
      const rows = await session.read(options, (db) => selectObjects(db, { entity, where, after, limit }));
      return rows.map(
        (row): PackUse => ({
          ...toCollectable(row),
          algorithm: algorithmOf(row.algorithm),
          liveBytes: row.live_bytes,
        }),
      );
    },
    listObjectBlobs: (objectId, options) => listObjectBlobs(session, { objectId, options }),
    announceRewrite: ({ entity, key, collection }, options) =>
      session.write('announceRewrite', options, async (db) =>
        insertObject(db, {
          entity_id: await session.needEntity(db, entity),
          object_key: key,
          kind: 'pack',
          ingest_id: null,
          shard_id: null,
          attempt: null,
          collection,
        }),
      ),
    moveBlobs: (move, options) => moveBlobs(session, { move, options }),
    async listObjects({ entity, after = 0, limit }, options) {
      const where = sql`o.state = 'STORED'`;
      const rows = await session.read(options, (db) => selectObjects(db, { entity, where, after, limit }));
      return rows.map((row) => ({
        ...toCollectable(row),
        kind: row.kind,
        algorithm: algorithmOf(row.algorithm),
      }));
    },
    unknownObjects: (scope, options) =>
      session.read(options, (db) => unknownObjects(session, { db, ...scope })),
    manifestInUse: (key, thresholdTick, options) =>
      session.read(options, (db) => manifestInUse(db, { key, thresholdTick })),
    dropBlobs: (batch, options) => dropBlobs(session, { batch, options }),
    resetIndex: (entity, options) => resetIndex(session, { entity, options }),
    adoptObject: (object, options) => adoptObject(session, { object, options }),
    listEntities: (options) => session.read(options, listEntities),
  };
}

interface ObjectRow {
  object_id: number;
  object_key: string;
  kind: 'pack' | 'blob';
  algorithm: number | null;
  size_bytes: number;
  live_bytes: number;
}

/** Objects (`o`) of an entity that meet a condition, by id. */
async function selectObjects(
  db: Database,
  query: { entity: string; where: RawBuilder<unknown>; after: number; limit: number },
): Promise<ObjectRow[]> {
  const { entity, where, after, limit } = query;
  const { rows } = await sql<ObjectRow>`
    select o.object_id, o.object_key, o.kind, o.algorithm, o.size_bytes, o.live_bytes
    from objects o
    where o.entity_id = (select entity_id from entities where name = ${entity})
      and o.object_id > ${after} and ${where}
    order by o.object_id
    limit ${limit}
  `.execute(db);
  return rows;
}

function toCollectable(row: ObjectRow): CollectableObject {
  return { objectId: row.object_id, key: row.object_key, sizeBytes: row.size_bytes };
}

/**
 * WRITING objects nobody will finish: their ingest ended or was never known, their shard was forgotten or is at
 * another attempt, or a later collection than theirs has begun. Those that have blobs in the index already are
 * durable and become STORED.
 */
async function condemnAbandoned(
  session: CatalogSession,
  { db, entity }: { db: Database; entity: string },
): Promise<number> {
  const { rows } = await sql<{ state: string }>`
    update objects set
      state = case when live_blobs > 0 then 'STORED' else 'CONDEMNED' end,
      condemned_at_ms = case when live_blobs > 0 then null else ${sql.lit(session.clock.nowMs())} end
    where ${isAbandoned(entity)}
    returning state
  `.execute(db);
  return rows.filter(({ state }) => state === 'CONDEMNED').length;
}

/** Of these, the ones that have no blobs in the index. */
async function countAbandoned(db: Database, entity: string): Promise<{ objects: number; bytes: number }> {
  const { rows } = await sql<{ objects: number; bytes: number }>`
    select count(*) as objects, cast(coalesce(sum(size_bytes), 0) as bigint) as bytes from objects
    where live_blobs = 0 and ${isAbandoned(entity)}
  `.execute(db);
  return rows[0] ?? { objects: 0, bytes: 0 };
}

/** Condition on a row of `objects`. */
function isAbandoned(entity: string): RawBuilder<unknown> {
  return sql`state = 'WRITING' and entity_id = (select entity_id from entities where name = ${entity})
      and case
        when ingest_id is null then
          collection < (select last_collection from entities where name = ${entity})
        else not exists (
          select 1 from ingests i join shards s on s.ingest_id = i.ingest_id
          where i.ingest_id = objects.ingest_id and i.state not in ('COMMITTED', 'CANCELLED')
            and s.shard_id = objects.shard_id and s.attempt = objects.attempt
        )
      end
  `;
}

async function dropObject(
  session: CatalogSession,
  { db, objectId }: { db: Database; objectId: number },
): Promise<void> {
  const object = (await lockObjects(db, { session, objectIds: [objectId] })).get(objectId);
  if (object === undefined) return;
  if (object.state !== 'CONDEMNED') {
    throw new ArtifactError('STATE_CONFLICT', `object ${object.key} is ${object.state}, not condemned`, {
      details: { subject: object.key },
    });
  }
  await db.deleteFrom('objects').where('object_id', '=', objectId).execute();
}

async function unknownObjects(
  session: CatalogSession,
  { db, entity, keys }: { db: Database; entity: string; keys: readonly ObjectKey[] },
): Promise<ObjectKey[]> {
  const entityId = await session.findEntity(db, entity);
  const found = await db
    .selectFrom('objects')
    .select('object_key')
    .where('entity_id', '=', entityId ?? 0)
    .where('object_key', 'in', sql<string>`${session.dialect.texts(keys)}`)
    .execute();
  const known = new Set(found.map(({ object_key }) => object_key));
  return keys.filter((key) => !known.has(key));
}

async function manifestInUse(
  db: Database,
  { key, thresholdTick }: { key: string; thresholdTick: number },
): Promise<boolean> {
  const { rows } = await sql<{ version_id: number }>`
    select version_id from versions
    where manifest_key = ${key} and (state = 'COMMITTED' or deleted_tick >= ${thresholdTick})
  `.execute(db);
  return rows.length > 0;
}

async function listEntities(db: Database): Promise<string[]> {
  const rows = await db.selectFrom('entities').select('name').orderBy('name').execute();
  return rows.map(({ name }) => name);
}
