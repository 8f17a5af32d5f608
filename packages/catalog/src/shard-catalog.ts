import {
  type IngestCatalog,
  type IngestState,
  invariant,
  type NewShard,
  type SegmentRef,
  type ShardRecord,
  type ShardResult,
} from '@waybill/core';
import { sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import { type IngestFence, lockIngest, lockPlanning } from './lock-ingest.ts';
import { insertNotices } from './notice-catalog.ts';
import { selectShards } from './select-shards.ts';
import type { Database } from './tables.ts';

type ShardPart = Pick<
  IngestCatalog,
  'resetShards' | 'addShards' | 'listShards' | 'startShard' | 'splitShard' | 'completeShard' | 'listSegments'
>;
type Split = Parameters<IngestCatalog['splitShard']>[0];

/** Rows of one INSERT; a shard has 7 parameters. */
const SHARDS_PER_INSERT = 500;
/** Rows forgotten in one transaction. */
const RESET_ROWS = 10_000;
const SEGMENTS_PER_QUERY = 500;
/** States in which shards are worked on. */
const WORKING: readonly IngestState[] = ['PLANNING', 'RUNNING'];

export function shardCatalog(session: CatalogSession): ShardPart {
  return {
    async resetShards(ingest, options) {
      for (;;) {
        const left = await session.write('resetShards', options, (db) => resetSome(session, { db, ingest }));
        if (!left) return;
      }
    },
    addShards: (ingest, shards, options) =>
      session.writeSoon('addShards', options, (db) => addShards(session, { db, ingest, shards })),
    listShards({ ingestId, state, after = 0, limit }, options) {
      const inState = state === undefined ? sql`true` : sql`state = ${state}`;
      const where = sql`ingest_id = ${ingestId} and shard_id > ${after} and ${inState}`;
      return session.read(options, (db) => selectShards(db, { where, limit }));
    },
    startShard: (shard, options) =>
      session.writeSoon('startShard', options, (db) => startShard(session, { db, ...shard })),
    splitShard: (split, options) =>
      session.writeSoon('splitShard', options, (db) => splitShard(session, { db, split })),
    completeShard: (result, options) =>
      session.writeSoon('completeShard', options, (db) => completeShard(session, { db, result })),
    listSegments: (ingestId, options) => listSegments(session, { ingestId, options }),
  };
}

/** Forgets some shards and notices; whether there are more. */
async function resetSome(
  session: CatalogSession,
  { db, ingest }: { db: Database; ingest: IngestFence },
): Promise<boolean> {
  const { ingestId } = ingest;
  await lockPlanning(session, { db, ingest });
  const shards = await db
    .deleteFrom('shards')
    .where('shard_id', 'in', (query) =>
      query.selectFrom('shards').select('shard_id').where('ingest_id', '=', ingestId).limit(RESET_ROWS),
    )
    .executeTakeFirst();
  const notices = await db
    .deleteFrom('notices')
    .where('notice_id', 'in', (query) =>
      query.selectFrom('notices').select('notice_id').where('ingest_id', '=', ingestId).limit(RESET_ROWS),
    )
    .executeTakeFirst();
  await db
    .updateTable('ingests')
    .set({
      shards: 0,
      shards_done: 0,
      files: 0,
      bytes: 0,
      files_hashed: 0,
      bytes_hashed: 0,
      blobs_stored: 0,
      bytes_stored: 0,
      left_out_count: 0,
      failed_count: 0,
    })
    .where('ingest_id', '=', ingestId)
    .execute();
  return shards.numDeletedRows >= RESET_ROWS || notices.numDeletedRows >= RESET_ROWS;
}

async function addShards(
  session: CatalogSession,
  { db, ingest, shards }: { db: Database; ingest: IngestFence; shards: readonly NewShard[] },
): Promise<ShardRecord[]> {
  await lockPlanning(session, { db, ingest });
  return insertShards(db, { ingestId: ingest.ingestId, shards });
}

async function insertShards(
  db: Database,
  { ingestId, shards }: { ingestId: string; shards: readonly NewShard[] },
): Promise<ShardRecord[]> {
  const added: ShardRecord[] = [];
  for (let at = 0; at < shards.length; at += SHARDS_PER_INSERT) {
    const rows = shards.slice(at, at + SHARDS_PER_INSERT).map((shard) => ({
      ingest_id: ingestId,
      source_index: shard.sourceIndex,
      list_key: shard.listKey,
      list_skip: shard.listSkip,
      list_count: shard.listCount,
      layer: shard.layer,
      state: 'PENDING',
    }));
    const ids = await db.insertInto('shards').values(rows).returning('shard_id').execute();
    const numbers = ids.map(({ shard_id }) => shard_id).sort((a, b) => a - b);
    const [first = 0] = numbers;
    const last = numbers.at(-1) ?? 0;
    const where = sql`ingest_id = ${ingestId} and shard_id between ${first} and ${last}`;
    added.push(...(await selectShards(db, { where, limit: rows.length })));
  }
  await db
    .updateTable('ingests')
    .set((row) => ({ shards: row('shards', '+', added.length) }))
    .where('ingest_id', '=', ingestId)
    .execute();
  return added;
}

async function startShard(
  session: CatalogSession,
  { db, shardId, fence }: { db: Database; shardId: number; fence: number },
): Promise<ShardRecord | undefined> {
  const shard = await lockShard(session, { db, shardId });
  if (shard === undefined || shard.fence !== fence || shard.state !== 'PENDING') return undefined;
  if (!WORKING.includes(shard.ingestState)) return undefined;
  await db
    .updateTable('shards')
    .set((row) => ({ attempt: row('attempt', '+', 1) }))
    .where('shard_id', '=', shardId)
    .execute();
  const [started] = await selectShards(db, { where: sql`shard_id = ${shardId}`, limit: 1 });
  return started;
}

async function splitShard(
  session: CatalogSession,
  { db, split }: { db: Database; split: Split },
): Promise<ShardRecord[] | undefined> {
  const { shardId, attempt, keepCount, remainder } = split;
  const shard = await lockShard(session, { db, shardId });
  if (shard === undefined || !isRunning(shard, attempt)) return undefined;
  await db.updateTable('shards').set({ list_count: keepCount }).where('shard_id', '=', shardId).execute();
  return insertShards(db, { ingestId: shard.ingestId, shards: remainder });
}

async function completeShard(
  session: CatalogSession,
  { db, result }: { db: Database; result: ShardResult },
): Promise<boolean> {
  const { shardId, attempt, segment, stats } = result;
  const shard = await lockShard(session, { db, shardId });
  if (shard === undefined || !isRunning(shard, attempt)) return false;
  invariant(
    segment === undefined || (segment.layer === shard.layer && segment.sourceIndex === shard.sourceIndex),
    'segment-of-shard',
    `the segment of shard ${shardId} names another layer or source`,
  );
  await db
    .updateTable('shards')
    .set({
      state: 'DONE',
      segment_key: segment?.key ?? null,
      segment_entry_count: segment?.entryCount ?? null,
      segment_size_bytes: segment?.sizeBytes ?? null,
      segment_first_path: segment?.firstPath ?? null,
      segment_last_path: segment?.lastPath ?? null,
    })
    .where('shard_id', '=', shardId)
    .execute();
  await db
    .updateTable('ingests')
    .set((row) => ({
      shards_done: row('shards_done', '+', 1),
      files: row('files', '+', stats.files),
      bytes: row('bytes', '+', stats.bytes),
      files_hashed: row('files_hashed', '+', stats.filesHashed),
      bytes_hashed: row('bytes_hashed', '+', stats.bytesHashed),
      blobs_stored: row('blobs_stored', '+', stats.blobsStored),
      bytes_stored: row('bytes_stored', '+', stats.bytesStored),
      updated_at_ms: session.clock.nowMs(),
    }))
    .where('ingest_id', '=', shard.ingestId)
    .execute();
  await insertNotices(db, { ingestId: shard.ingestId, notices: result.notices, walkedSource: null });
  return true;
}

interface LockedShard {
  readonly ingestId: string;
  readonly ingestState: IngestState;
  readonly fence: number;
  readonly layer: number;
  readonly sourceIndex: number;
  readonly attempt: number;
  readonly state: ShardRecord['state'];
}

/** Whether this attempt is the shard's current one, its work is not done, and its ingest still wants it. */
function isRunning(shard: LockedShard, attempt: number): boolean {
  return shard.attempt === attempt && shard.state === 'PENDING' && WORKING.includes(shard.ingestState);
}

/** The shard and its ingest's row lock, which every change of a shard is made under. */
async function lockShard(
  session: CatalogSession,
  { db, shardId }: { db: Database; shardId: number },
): Promise<LockedShard | undefined> {
  const owner = await db
    .selectFrom('shards')
    .select('ingest_id')
    .where('shard_id', '=', shardId)
    .executeTakeFirst();
  if (owner === undefined) return undefined;
  const ingest = await lockIngest(session, { db, ingestId: owner.ingest_id });
  const [shard] = await selectShards(db, { where: sql`shard_id = ${shardId}`, limit: 1 });
  if (ingest === undefined || shard === undefined) return undefined;
  return { ...shard, ingestState: ingest.state, fence: ingest.fence };
}

/** Sorts once, by ids alone: paths may be longer than an index takes, and the rows are needed a page at a time. */
async function* listSegments(
  session: CatalogSession,
  { ingestId, options }: { ingestId: string; options: Parameters<IngestCatalog['listSegments']>[1] },
): AsyncIterable<SegmentRef> {
  const ordered = await session.read(options, (db) =>
    sql<{ shard_id: number }>`
      select shard_id from shards
      where ingest_id = ${ingestId} and state = 'DONE' and segment_key is not null
      order by layer, segment_first_path, shard_id
    `.execute(db),
  );
  const ids = ordered.rows.map(({ shard_id }) => shard_id);
  for (let at = 0; at < ids.length; at += SEGMENTS_PER_QUERY) {
    const page = ids.slice(at, at + SEGMENTS_PER_QUERY);
    const where = sql`shard_id in ${session.dialect.integers(page)}`;
    const shards = await session.read(options, (db) => selectShards(db, { where, limit: page.length }));
    const segments = new Map(shards.map(({ shardId, segment }) => [shardId, segment]));
    for (const id of page) {
      const segment = segments.get(id);
      if (segment !== undefined) yield segment;
    }
  }
}
