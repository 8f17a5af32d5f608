import type { ArtifactName, ArtifactRecord, DigestAlgorithm } from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import type { Database } from './tables.ts';

interface ArtifactRow {
  artifact_id: number;
  entity: string;
  project: string;
  name: string;
  type: string;
  digest_algorithm: DigestAlgorithm;
  version_count: number;
  latest_index: number | null;
  created_at_ms: number;
  updated_at_ms: number;
}

/** Artifacts (`a`, their entity `e`) that meet a condition, by id. */
export async function selectArtifacts(
  db: Database,
  { where, limit }: { where: RawBuilder<unknown>; limit: number },
): Promise<ArtifactRecord[]> {
  const { rows } = await sql<ArtifactRow>`
    select a.artifact_id, e.name as entity, a.project, a.name, a.type, a.digest_algorithm, a.version_count,
      v.version_index as latest_index, a.created_at_ms, a.updated_at_ms
    from artifacts a
    join entities e on e.entity_id = a.entity_id
    left join aliases l on l.artifact_id = a.artifact_id and l.alias = 'latest'
    left join versions v on v.version_id = l.version_id
    where ${where}
    order by a.artifact_id
    limit ${limit}
  `.execute(db);
  return rows.map(toRecord);
}

/** The condition that picks one artifact by its name. */
export function isNamed({ entity, project, name }: ArtifactName): RawBuilder<unknown> {
  return sql`e.name = ${entity} and a.project = ${project} and a.name = ${name}`;
}

function toRecord(row: ArtifactRow): ArtifactRecord {
  return {
    artifactId: row.artifact_id,
    entity: row.entity,
    project: row.project,
    name: row.name,
    type: row.type,
    digestAlgorithm: row.digest_algorithm,
    versionCount: row.version_count,
    latestIndex: row.latest_index ?? undefined,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
