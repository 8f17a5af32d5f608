import type { Generated, Kysely } from 'kysely';

/**
 * The catalog's tables as queries see them; `docs/formats/catalog.md` says what each is for. Both databases give
 * integers as numbers and bytes as `Uint8Array`.
 */
export interface Tables {
  catalog_state: CatalogStateTable;
  entities: EntitiesTable;
  artifacts: ArtifactsTable;
  versions: VersionsTable;
  aliases: AliasesTable;
  ingests: IngestsTable;
  shards: ShardsTable;
  notices: NoticesTable;
  objects: ObjectsTable;
  blobs: BlobsTable;
}

/** A connection, or the transaction in hand. */
export type Database = Kysely<Tables>;

interface CatalogStateTable {
  singleton: number;
  schema_version: number;
  catalog_id: string;
  tick: number;
  ingest_sequence: number;
  version_sequence: number;
  proofs_void_up_to: number;
  created_at_ms: number;
}

interface EntitiesTable {
  entity_id: Generated<number>;
  name: string;
  last_collection: Generated<number>;
}

interface ArtifactsTable {
  artifact_id: Generated<number>;
  entity_id: number;
  project: string;
  name: string;
  type: string;
  digest_algorithm: string;
  next_index: Generated<number>;
  version_count: Generated<number>;
  created_at_ms: number;
  updated_at_ms: number;
}

interface VersionsTable {
  version_id: number;
  artifact_id: number;
  entity_id: number;
  version_index: number;
  state: string;
  digest: string;
  description: string | null;
  metadata: string;
  entry_count: number;
  size_bytes: number;
  manifest_key: string;
  manifest_size_bytes: number;
  manifest_footer_bytes: number;
  manifest_footer_crc32: number;
  /** Empty for versions made before schema 2. */
  placement: Generated<string>;
  ingest_id: string;
  left_out_count: number;
  deleted_tick: number | null;
  created_at_ms: number;
  updated_at_ms: number;
}

interface AliasesTable {
  artifact_id: number;
  alias: string;
  version_id: number;
}

interface IngestsTable {
  ingest_id: string;
  sequence: number;
  entity_id: number;
  project: string;
  name: string;
  type: string;
  digest_algorithm: string;
  aliases: string;
  description: string | null;
  metadata: string | null;
  sources: string;
  options: string;
  fingerprint: string;
  state: string;
  fence: number;
  opened_tick: number;
  replanned: Generated<number>;
  error: string | null;
  version_id: number | null;
  shards: Generated<number>;
  shards_done: Generated<number>;
  files: Generated<number>;
  bytes: Generated<number>;
  files_hashed: Generated<number>;
  bytes_hashed: Generated<number>;
  blobs_stored: Generated<number>;
  bytes_stored: Generated<number>;
  left_out_count: Generated<number>;
  failed_count: Generated<number>;
  created_at_ms: number;
  updated_at_ms: number;
}

interface ShardsTable {
  shard_id: Generated<number>;
  ingest_id: string;
  source_index: number;
  list_key: string;
  list_skip: number;
  list_count: number;
  layer: number;
  attempt: Generated<number>;
  state: string;
  segment_key: string | null;
  segment_entry_count: number | null;
  segment_size_bytes: number | null;
  segment_first_path: string | null;
  segment_last_path: string | null;
}

interface NoticesTable {
  notice_id: Generated<number>;
  ingest_id: string;
  severity: string;
  reason: string;
  path: string;
  message: string;
  /** Index of the source whose walk came across it; null when a shard did. */
  walked_source: number | null;
}

interface ObjectsTable {
  object_id: Generated<number>;
  entity_id: number;
  object_key: string;
  kind: string;
  state: string;
  algorithm: number | null;
  size_bytes: Generated<number>;
  live_blobs: Generated<number>;
  live_bytes: Generated<number>;
  used_tick: Generated<number>;
  ingest_id: string | null;
  shard_id: number | null;
  attempt: number | null;
  collection: number | null;
  condemned_at_ms: number | null;
}

interface BlobsTable {
  blob_id: Generated<number>;
  entity_id: number;
  algorithm: number;
  digest: Uint8Array;
  object_id: number;
  byte_offset: number;
  byte_length: number;
}
