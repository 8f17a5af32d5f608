import type {
  DigestAlgorithm,
  EncodedError,
  IngestOptions,
  IngestRecord,
  IngestSource,
  IngestState,
  Metadata,
} from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import { readJson } from './json-column.ts';
import type { Database } from './tables.ts';

interface IngestRow {
  ingest_id: string;
  sequence: number;
  entity: string;
  project: string;
  name: string;
  type: string;
  digest_algorithm: DigestAlgorithm;
  aliases: string;
  description: string | null;
  metadata: string | null;
  sources: string;
  options: string;
  fingerprint: string;
  state: IngestState;
  fence: number;
  error: string | null;
  version_id: number | null;
  shards: number;
  shards_done: number;
  files: number;
  bytes: number;
  files_hashed: number;
  bytes_hashed: number;
  blobs_stored: number;
  bytes_stored: number;
  created_at_ms: number;
  updated_at_ms: number;
}

/** Ingests (`i`, their entity `e`) that meet a condition, in order of creation. */
export async function selectIngests(
  db: Database,
  { where, limit }: { where: RawBuilder<unknown>; limit: number },
): Promise<IngestRecord[]> {
  const { rows } = await sql<IngestRow>`
    select i.ingest_id, i.sequence, e.name as entity, i.project, i.name, i.type, i.digest_algorithm, i.aliases,
      i.description, i.metadata, i.sources, i.options, i.fingerprint, i.state, i.fence, i.error, i.version_id,
      i.shards, i.shards_done, i.files, i.bytes, i.files_hashed, i.bytes_hashed, i.blobs_stored, i.bytes_stored,
      i.created_at_ms, i.updated_at_ms
    from ingests i join entities e on e.entity_id = i.entity_id
    where ${where}
    order by i.sequence
    limit ${limit}
  `.execute(db);
  return rows.map(toRecord);
}

export async function selectIngest(db: Database, ingestId: string): Promise<IngestRecord | undefined> {
  const [found] = await selectIngests(db, { where: sql`i.ingest_id = ${ingestId}`, limit: 1 });
  return found;
}

function toRecord(row: IngestRow): IngestRecord {
  return {
    ingestId: row.ingest_id,
    sequence: row.sequence,
    artifact: { entity: row.entity, project: row.project, name: row.name },
    type: row.type,
    digestAlgorithm: row.digest_algorithm,
    aliases: readJson<string[]>(row.aliases, 'ingests.aliases'),
    description: row.description ?? undefined,
    metadata: row.metadata === null ? undefined : readJson<Metadata>(row.metadata, 'ingests.metadata'),
    sources: readJson<IngestSource[]>(row.sources, 'ingests.sources'),
    options: readJson<IngestOptions>(row.options, 'ingests.options'),
    fingerprint: row.fingerprint,
    state: row.state,
    fence: row.fence,
    stats: {
      shards: row.shards,
      shardsDone: row.shards_done,
      files: row.files,
      bytes: row.bytes,
      filesHashed: row.files_hashed,
      bytesHashed: row.bytes_hashed,
      blobsStored: row.blobs_stored,
      bytesStored: row.bytes_stored,
    },
    error: row.error === null ? undefined : readJson<EncodedError>(row.error, 'ingests.error'),
    versionId: row.version_id ?? undefined,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
