import {
  ArtifactError,
  type BlobTotals,
  type CallOptions,
  type CollectionCatalog,
  type UnreferencedUse,
} from '@waybill/core';
import { sql } from 'kysely';
import { algorithmCode } from './algorithms.ts';
import type { CatalogSession } from './catalog-session.ts';
import { CollectionMarks } from './collection-marks.ts';
import { lockObjects, type Removed, uncount } from './objects.ts';
import type { Database } from './tables.ts';
import { raiseTick } from './ticks.ts';

/** Blobs looked at in one query, and removed in one transaction. */
const BLOBS_PER_STEP = 5_000;

type CondemnScope = Parameters<CollectionCatalog['condemnUnreferenced']>[0];
type ListScope = Parameters<CollectionCatalog['listUnreferenced']>[0];
type MarkBatch = Parameters<CollectionCatalog['markReferenced']>[0];

interface Position {
  readonly objectId: number;
  readonly blobId: number;
}

interface Collection {
  readonly number: number;
  readonly marks: CollectionMarks;
  /** Behind it, everything unreferenced is gone: marks and uses only ever grow. `undefined` at the end. */
  position: Position | undefined;
}

interface Candidate extends Removed {
  readonly blob_id: number;
}

const START: Position = { objectId: 0, blobId: 0 };
const NONE: BlobTotals = { blobs: 0, bytes: 0 };

/**
 * The collections this catalog has begun, the newest of each entity. Their marks are in memory: a collection belongs
 * to the process that began it, and one that dies leaves nothing behind.
 */
export class UnreferencedBlobs {
  readonly #session: CatalogSession;
  readonly #collections = new Map<string, Collection>();

  constructor(session: CatalogSession) {
    this.#session = session;
  }

  async begin(
    entity: string,
    options: CallOptions | undefined,
  ): ReturnType<CollectionCatalog['beginCollection']> {
    const begun = await this.#session.write('beginCollection', options, async (db) => {
      const entityId = await this.#session.needEntity(db, entity);
      const collection = await raiseTick(db);
      // Only now: an ingest that was being created had to be done before the tick could be raised.
      const { rows } = await sql<{ opened: number | null; open: number }>`
        select min(opened_tick) as opened, count(*) as open from ingests
        where entity_id = ${entityId} and state not in ('COMMITTED', 'CANCELLED')
      `.execute(db);
      const [found] = rows;
      await db
        .updateTable('entities')
        .set({ last_collection: collection })
        .where('entity_id', '=', entityId)
        .execute();
      return { collection, thresholdTick: found?.opened ?? collection, openIngests: found?.open ?? 0 };
    });
    const { collection: number } = begun;
    this.#collections.set(entity, { number, marks: new CollectionMarks(), position: START });
    return begun;
  }

  async mark(batch: MarkBatch, options: CallOptions | undefined): Promise<void> {
    const { entity, collection, algorithm, digests } = batch;
    const { marks } = this.#need(entity, collection);
    if (digests.length === 0) return;
    const { rows } = await this.#session.read(options, async (db) => {
      const entityId = (await this.#session.findEntity(db, entity)) ?? 0;
      const query = { entityId, algorithm: algorithmCode(algorithm), digests };
      return sql<{ blob_id: number }>`
        select b.blob_id from ${this.#session.dialect.findBlobs(query)} b
      `.execute(db);
    });
    for (const { blob_id } of rows) marks.add(blob_id);
  }

  async list(scope: ListScope, options: CallOptions | undefined): Promise<UnreferencedUse[]> {
    const { marks } = this.#need(scope.entity, scope.collection);
    const found = new Map<number, BlobTotals>();
    let position: Position | undefined = { objectId: scope.after ?? 0, blobId: Number.MAX_SAFE_INTEGER };
    while (position !== undefined) {
      const from: Position = position;
      const page: Candidate[] = await this.#session.read(options, (db) =>
        this.#candidates({ db, scope, position: from, limit: BLOBS_PER_STEP }),
      );
      const unmarked = page.filter(({ blob_id }) => !marks.has(blob_id));
      if (!addUpTo(found, { blobs: unmarked, limit: scope.limit })) break;
      position = page.length < BLOBS_PER_STEP ? undefined : endOf(page);
      await this.#session.breathe();
    }
    return this.#session.read(options, (db) => describeUses(db, { session: this.#session, found }));
  }

  /** Goes on where the last call stopped; looks on until it has removed something or is through. */
  async condemn(scope: CondemnScope, options: CallOptions | undefined): Promise<BlobTotals> {
    const collection = this.#need(scope.entity, scope.collection);
    const limit = Math.min(scope.limit, BLOBS_PER_STEP);
    while (collection.position !== undefined) {
      const from = collection.position;
      const page = await this.#session.read(options, (db) =>
        this.#candidates({ db, scope, position: from, limit }),
      );
      const unmarked = page.filter(({ blob_id }) => !collection.marks.has(blob_id));
      const removed = await this.#removeSome({ scope, candidates: unmarked }, options);
      collection.position = page.length < limit ? undefined : endOf(page);
      if (removed.blobs > 0) return removed;
      await this.#session.breathe();
    }
    collection.position = START;
    return NONE;
  }

  async #removeSome(
    removal: { scope: CondemnScope; candidates: readonly Candidate[] },
    options: CallOptions | undefined,
  ): Promise<BlobTotals> {
    if (removal.candidates.length === 0) return NONE;
    return this.#session.write('condemnUnreferenced', options, (db) => this.#remove({ db, ...removal }));
  }

  #need(entity: string, number: number): Collection {
    const collection = this.#collections.get(entity);
    if (collection?.number === number) return collection;
    throw new ArtifactError(
      'STATE_CONFLICT',
      `collection ${number} of ${entity} is not the newest one begun here; begin a new one`,
    );
  }

  /** Blobs of objects not used since the threshold, by object and id. */
  async #candidates(page: {
    db: Database;
    scope: Omit<CondemnScope, 'limit'>;
    position: Position;
    limit: number;
  }): Promise<Candidate[]> {
    const { db, scope, position, limit } = page;
    const entityId = (await this.#session.findEntity(db, scope.entity)) ?? 0;
    const { rows } = await sql<Candidate>`
      select b.blob_id, b.object_id, b.byte_length
      from objects o
      cross join blobs b
      where o.entity_id = ${entityId} and o.state = 'STORED' and o.used_tick < ${scope.thresholdTick}
        and o.object_id >= ${position.objectId}
        and b.object_id = o.object_id
        and (o.object_id > ${position.objectId} or b.blob_id > ${position.blobId})
      order by o.object_id, b.blob_id
      limit ${limit}
    `.execute(db);
    return rows;
  }

  /** Under the objects' locks: an object that was used after all is past the threshold now, and keeps its blobs. */
  async #remove(removal: {
    db: Database;
    scope: CondemnScope;
    candidates: readonly Candidate[];
  }): Promise<BlobTotals> {
    const { db, scope, candidates } = removal;
    const { dialect } = this.#session;
    const objectIds = [...new Set(candidates.map(({ object_id }) => object_id))];
    await lockObjects(db, { session: this.#session, objectIds });
    const { rows } = await sql<Removed>`
      delete from blobs
      where blob_id in ${dialect.integers(candidates.map(({ blob_id }) => blob_id))}
        and object_id in (
          select object_id from objects
          where object_id in ${dialect.integers(objectIds)} and used_tick < ${scope.thresholdTick}
        )
      returning object_id, byte_length
    `.execute(db);
    return uncount(db, { session: this.#session, removed: rows });
  }
}

/** Adds blobs to the totals of their objects; answers whether all had room, with so many objects at most. */
function addUpTo(
  totals: Map<number, BlobTotals>,
  { blobs, limit }: { blobs: readonly Candidate[]; limit: number },
): boolean {
  for (const { object_id, byte_length } of blobs) {
    const before = totals.get(object_id);
    if (before === undefined && totals.size >= limit) return false;
    totals.set(object_id, {
      blobs: (before?.blobs ?? 0) + 1,
      bytes: (before?.bytes ?? 0) + byte_length,
    });
  }
  return true;
}

async function describeUses(
  db: Database,
  { session, found }: { session: CatalogSession; found: ReadonlyMap<number, BlobTotals> },
): Promise<UnreferencedUse[]> {
  const { rows } = await sql<{
    object_id: number;
    object_key: string;
    kind: 'pack' | 'blob';
    size_bytes: number;
    live_blobs: number;
    live_bytes: number;
  }>`
    select object_id, object_key, kind, size_bytes, live_blobs, live_bytes from objects
    where object_id in ${session.dialect.integers([...found.keys()])}
    order by object_id
  `.execute(db);
  return rows.map((row) => ({
    objectId: row.object_id,
    key: row.object_key,
    kind: row.kind,
    sizeBytes: row.size_bytes,
    unreferenced: found.get(row.object_id) ?? NONE,
    live: { blobs: row.live_blobs, bytes: row.live_bytes },
  }));
}

function endOf(page: readonly Candidate[]): Position | undefined {
  const last = page.at(-1);
  return last && { objectId: last.object_id, blobId: last.blob_id };
}
