/** What differs between the databases in a table's definition. */
export interface ColumnTypes {
  /** Primary key numbered by the database, a number never given twice. */
  readonly id: string;
  readonly integer: string;
  /** Compared by UTF-8 bytes. */
  readonly text: string;
  readonly bytes: string;
  /** What follows the closing bracket of a table. */
  readonly tableOptions: string;
}

export interface Migration {
  /** What `catalog_state.schema_version` is afterwards. */
  readonly version: number;
  statements(types: ColumnTypes): readonly string[];
}

/** Append only: a migration that was ever released is never changed. */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: (types) => [
      ...stateTables(types),
      ...versionTables(types),
      ...ingestTables(types),
      ...blobTables(types),
    ],
  },
  {
    version: 2,
    statements: ({ integer, text }) => [
      `alter table versions add column placement ${text} not null default ''`,
      `alter table notices add column walked_source ${integer}`,
    ],
  },
];

function stateTables({ id, integer, text, tableOptions }: ColumnTypes): string[] {
  return [
    `create table catalog_state (
      singleton ${integer} not null primary key check (singleton = 1),
      schema_version ${integer} not null,
      catalog_id ${text} not null,
      tick ${integer} not null,
      ingest_sequence ${integer} not null,
      version_sequence ${integer} not null,
      proofs_void_up_to ${integer} not null,
      created_at_ms ${integer} not null
    )${tableOptions}`,
    `create table entities (
      entity_id ${id},
      name ${text} not null unique,
      last_collection ${integer} not null default 0
    )${tableOptions}`,
  ];
}

function versionTables({ id, integer, text, tableOptions }: ColumnTypes): string[] {
  return [
    `create table artifacts (
      artifact_id ${id},
      entity_id ${integer} not null references entities,
      project ${text} not null,
      name ${text} not null,
      type ${text} not null,
      digest_algorithm ${text} not null,
      next_index ${integer} not null default 0,
      version_count ${integer} not null default 0,
      created_at_ms ${integer} not null,
      updated_at_ms ${integer} not null,
      unique (entity_id, project, name)
    )${tableOptions}`,
    `create table versions (
      version_id ${integer} not null primary key,
      artifact_id ${integer} not null references artifacts,
      entity_id ${integer} not null references entities,
      version_index ${integer} not null,
      state ${text} not null check (state in ('PENDING', 'COMMITTED', 'DELETED')),
      digest ${text} not null,
      description ${text},
      metadata ${text} not null,
      entry_count ${integer} not null,
      size_bytes ${integer} not null,
      manifest_key ${text} not null unique,
      manifest_size_bytes ${integer} not null,
      manifest_footer_bytes ${integer} not null,
      manifest_footer_crc32 ${integer} not null,
      ingest_id ${text} not null unique,
      left_out_count ${integer} not null,
      deleted_tick ${integer},
      created_at_ms ${integer} not null,
      updated_at_ms ${integer} not null,
      unique (artifact_id, version_index)
    )${tableOptions}`,
    'create index versions_by_digest on versions (artifact_id, digest)',
    'create index versions_by_entity on versions (entity_id, version_id)',
    `create table aliases (
      artifact_id ${integer} not null references artifacts,
      alias ${text} not null,
      version_id ${integer} not null references versions,
      primary key (artifact_id, alias)
    )${tableOptions}`,
    'create index aliases_by_version on aliases (version_id, alias)',
  ];
}

function ingestTables({ id, integer, text, tableOptions }: ColumnTypes): string[] {
  return [
    `create table ingests (
      ingest_id ${text} not null primary key,
      sequence ${integer} not null unique,
      entity_id ${integer} not null references entities,
      project ${text} not null,
      name ${text} not null,
      type ${text} not null,
      digest_algorithm ${text} not null,
      aliases ${text} not null,
      description ${text},
      metadata ${text},
      sources ${text} not null,
      options ${text} not null,
      fingerprint ${text} not null,
      state ${text} not null check (state in
        ('PLANNING', 'RUNNING', 'FINALIZING', 'COMMITTED', 'FAILED', 'CANCELLING', 'CANCELLED')),
      fence ${integer} not null,
      opened_tick ${integer} not null,
      replanned ${integer} not null default 0,
      error ${text},
      version_id ${integer},
      shards ${integer} not null default 0,
      shards_done ${integer} not null default 0,
      files ${integer} not null default 0,
      bytes ${integer} not null default 0,
      files_hashed ${integer} not null default 0,
      bytes_hashed ${integer} not null default 0,
      blobs_stored ${integer} not null default 0,
      bytes_stored ${integer} not null default 0,
      left_out_count ${integer} not null default 0,
      failed_count ${integer} not null default 0,
      created_at_ms ${integer} not null,
      updated_at_ms ${integer} not null
    )${tableOptions}`,
    'create index ingests_by_fingerprint on ingests (fingerprint)',
    `create index ingests_open on ingests (entity_id, opened_tick) where state not in ('COMMITTED', 'CANCELLED')`,
    `create table shards (
      shard_id ${id},
      ingest_id ${text} not null references ingests,
      source_index ${integer} not null,
      list_key ${text} not null,
      list_skip ${integer} not null,
      list_count ${integer} not null,
      layer ${integer} not null,
      attempt ${integer} not null default 0,
      state ${text} not null check (state in ('PENDING', 'DONE')),
      segment_key ${text},
      segment_entry_count ${integer},
      segment_size_bytes ${integer},
      segment_first_path ${text},
      segment_last_path ${text}
    )${tableOptions}`,
    'create index shards_by_ingest on shards (ingest_id, shard_id)',
    `create table notices (
      notice_id ${id},
      ingest_id ${text} not null references ingests,
      severity ${text} not null check (severity in ('left-out', 'failed')),
      reason ${text} not null,
      path ${text} not null,
      message ${text} not null
    )${tableOptions}`,
    'create index notices_by_ingest on notices (ingest_id, notice_id)',
  ];
}

/**
 * `blobs` has no foreign keys: a check for every row would cost more than the row itself. `check()` compares the
 * counters of `objects` with it instead.
 */
function blobTables({ id, integer, text, bytes, tableOptions }: ColumnTypes): string[] {
  return [
    `create table objects (
      object_id ${id},
      entity_id ${integer} not null references entities,
      object_key ${text} not null unique,
      kind ${text} not null check (kind in ('pack', 'blob')),
      state ${text} not null check (state in ('WRITING', 'STORED', 'CONDEMNED')),
      algorithm ${integer},
      size_bytes ${integer} not null default 0,
      live_blobs ${integer} not null default 0 check (live_blobs >= 0),
      live_bytes ${integer} not null default 0 check (live_bytes >= 0),
      used_tick ${integer} not null default 0,
      ingest_id ${text},
      shard_id ${integer},
      attempt ${integer},
      collection ${integer},
      condemned_at_ms ${integer}
    )${tableOptions}`,
    'create index objects_by_state on objects (entity_id, state, object_id)',
    `create table blobs (
      blob_id ${id},
      entity_id ${integer} not null,
      algorithm ${integer} not null,
      digest ${bytes} not null,
      object_id ${integer} not null,
      byte_offset ${integer} not null,
      byte_length ${integer} not null,
      unique (entity_id, algorithm, digest)
    )${tableOptions}`,
    'create index blobs_by_object on blobs (object_id, blob_id)',
  ];
}
