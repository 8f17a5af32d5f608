import type { DigestAlgorithm, IngestSource, Metadata, VersionRecord, VersionState } from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import { readJson } from './json-column.ts';
import type { Database } from './tables.ts';

/** No alias contains it. */
const SEPARATOR = '/';

interface VersionRow {
  version_id: number;
  artifact_id: number;
  entity: string;
  project: string;
  name: string;
  type: string;
  version_index: number;
  state: VersionState;
  digest: string;
  digest_algorithm: DigestAlgorithm;
  description: string | null;
  metadata: string;
  entry_count: number;
  size_bytes: number;
  aliases: string | null;
  manifest_key: string;
  manifest_size_bytes: number;
  manifest_footer_bytes: number;
  manifest_footer_crc32: number;
  ingest_id: string;
  sources: string;
  left_out_count: number;
  created_at_ms: number;
  updated_at_ms: number;
}

/** Versions (`v`, their artifact `a` and entity `e`) that meet a condition; the newest `vN` first if `newestFirst`, else by id. */
export async function selectVersions(
  db: Database,
  { where, limit, newestFirst }: { where: RawBuilder<unknown>; limit: number; newestFirst?: boolean },
): Promise<VersionRecord[]> {
  const order = newestFirst === true ? sql`v.version_index desc` : sql`v.version_id`;
  const { rows } = await sql<VersionRow>`
    select v.version_id, v.artifact_id, e.name as entity, a.project, a.name, a.type, v.version_index, v.state,
      v.digest, a.digest_algorithm, v.description, v.metadata, v.entry_count, v.size_bytes,
      (
        select string_agg(l.alias, ${sql.lit(SEPARATOR)} order by l.alias)
        from aliases l where l.version_id = v.version_id
      ) as aliases,
      v.manifest_key, v.manifest_size_bytes, v.manifest_footer_bytes, v.manifest_footer_crc32, v.ingest_id,
      i.sources, v.left_out_count, v.created_at_ms, v.updated_at_ms
    from versions v
    join artifacts a on a.artifact_id = v.artifact_id
    join entities e on e.entity_id = a.entity_id
    join ingests i on i.ingest_id = v.ingest_id
    where ${where}
    order by ${order}
    limit ${limit}
  `.execute(db);
  return rows.map(toRecord);
}

export async function selectVersion(db: Database, versionId: number): Promise<VersionRecord | undefined> {
  const [found] = await selectVersions(db, { where: sql`v.version_id = ${versionId}`, limit: 1 });
  return found;
}

function toRecord(row: VersionRow): VersionRecord {
  return {
    versionId: row.version_id,
    artifactId: row.artifact_id,
    entity: row.entity,
    project: row.project,
    name: row.name,
    type: row.type,
    index: row.version_index,
    state: row.state,
    digest: row.digest,
    digestAlgorithm: row.digest_algorithm,
    description: row.description ?? undefined,
    metadata: readJson<Metadata>(row.metadata, 'versions.metadata'),
    entryCount: row.entry_count,
    sizeBytes: row.size_bytes,
    aliases: row.aliases?.split(SEPARATOR) ?? [],
    manifest: {
      key: row.manifest_key,
      sizeBytes: row.manifest_size_bytes,
      footerBytes: row.manifest_footer_bytes,
      footerCrc32: row.manifest_footer_crc32,
    },
    ingestId: row.ingest_id,
    sources: readJson<IngestSource[]>(row.sources, 'ingests.sources'),
    leftOutCount: row.left_out_count,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
