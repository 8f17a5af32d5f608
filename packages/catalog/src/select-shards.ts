import type { SegmentRef, ShardRecord } from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import type { Database } from './tables.ts';

interface ShardRow {
  shard_id: number;
  ingest_id: string;
  source_index: number;
  list_key: string;
  list_skip: number;
  list_count: number;
  layer: number;
  attempt: number;
  state: ShardRecord['state'];
  segment_key: string | null;
  segment_entry_count: number | null;
  segment_size_bytes: number | null;
  segment_first_path: string | null;
  segment_last_path: string | null;
}

/** Shards that meet a condition, by id. */
export async function selectShards(
  db: Database,
  { where, limit }: { where: RawBuilder<unknown>; limit: number },
): Promise<ShardRecord[]> {
  const { rows } = await sql<ShardRow>`
    select shard_id, ingest_id, source_index, list_key, list_skip, list_count, layer, attempt, state, segment_key,
      segment_entry_count, segment_size_bytes, segment_first_path, segment_last_path
    from shards where ${where} order by shard_id limit ${limit}
  `.execute(db);
  return rows.map((row) => ({
    shardId: row.shard_id,
    ingestId: row.ingest_id,
    sourceIndex: row.source_index,
    listKey: row.list_key,
    listSkip: row.list_skip,
    listCount: row.list_count,
    layer: row.layer,
    attempt: row.attempt,
    state: row.state,
    segment: segmentOf(row),
  }));
}

function segmentOf(row: ShardRow): SegmentRef | undefined {
  if (row.segment_key === null) return undefined;
  return {
    key: row.segment_key,
    layer: row.layer,
    sourceIndex: row.source_index,
    entryCount: row.segment_entry_count ?? 0,
    sizeBytes: row.segment_size_bytes ?? 0,
    firstPath: row.segment_first_path ?? '',
    lastPath: row.segment_last_path ?? '',
  };
}
