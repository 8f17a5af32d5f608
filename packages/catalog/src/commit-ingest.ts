import {
  ArtifactError,
  type CommitRequest,
  type CommitResult,
  type DigestAlgorithm,
  type IngestRecord,
  invariant,
  type ManifestRef,
  type VersionRecord,
} from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import { assertAllDone, assertSameKind } from './ingest-kind.ts';
import { selectIngest } from './select-ingests.ts';
import { selectVersion } from './select-versions.ts';
import type { Database } from './tables.ts';
import { moveAliases } from './version-catalog.ts';

/** The alias that follows the newest version. */
const LATEST = 'latest';

type Totals = Pick<CommitRequest, 'digest' | 'entryCount' | 'sizeBytes' | 'placement'>;

interface LockedArtifact {
  readonly artifactId: number;
  readonly type: string;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly nextIndex: number;
}

/**
 * Ends an ingest in a version: a new one, or the one that has its digest already. Rows are locked in the order ingest,
 * artifact, counters, here and everywhere, so that two transactions never wait for each other.
 */
export async function commitIngest(
  session: CatalogSession,
  { db, request }: { db: Database; request: CommitRequest },
): Promise<CommitResult> {
  const ingest = await lockIngest(session, { db, ingestId: request.ingestId });
  if (ingest.state !== 'FINALIZING' || ingest.fence !== request.fence) {
    return { kind: 'lost', state: ingest.state };
  }
  assertAllDone(ingest);
  const found = await lockArtifact(session, { db, ingest });
  if (found === undefined && request.manifest === undefined) return { kind: 'manifest-needed' };
  const artifact = found ?? (await createArtifact(session, { db, ingest }));
  assertSameKind({ ...ingest, artifact: { ...ingest.artifact, ...artifact } });
  const equal = await findEqual(db, { artifact, ingest, totals: request });
  if (equal !== undefined) {
    const latest = ingest.options.reuse === 'any' ? [LATEST] : [];
    const aliases = [...ingest.aliases, ...latest];
    return end(session, { db, ingest, version: { ...artifact, versionId: equal }, aliases, created: false });
  }
  if (request.manifest === undefined) return { kind: 'manifest-needed' };
  const versionId = await createVersion(session, {
    db,
    ingest,
    artifact,
    totals: request,
    manifest: request.manifest,
  });
  const aliases = [...ingest.aliases, LATEST];
  return end(session, { db, ingest, version: { ...artifact, versionId }, aliases, created: true });
}

async function lockIngest(
  session: CatalogSession,
  { db, ingestId }: { db: Database; ingestId: string },
): Promise<IngestRecord> {
  await sql`select ingest_id from ingests where ingest_id = ${ingestId} ${session.dialect.lockRows}`.execute(
    db,
  );
  const ingest = await selectIngest(db, ingestId);
  if (ingest === undefined) throw new ArtifactError('NOT_FOUND', `there is no ingest ${ingestId}`);
  return ingest;
}

async function lockArtifact(
  session: CatalogSession,
  { db, ingest }: { db: Database; ingest: IngestRecord },
): Promise<LockedArtifact | undefined> {
  const { entity, project, name } = ingest.artifact;
  const { rows } = await sql<{
    artifact_id: number;
    type: string;
    digest_algorithm: DigestAlgorithm;
    next_index: number;
  }>`
    select artifact_id, type, digest_algorithm, next_index from artifacts
    where entity_id = (select entity_id from entities where name = ${entity})
      and project = ${project} and name = ${name}
    ${session.dialect.lockRows}
  `.execute(db);
  const [row] = rows;
  return (
    row && {
      artifactId: row.artifact_id,
      type: row.type,
      digestAlgorithm: row.digest_algorithm,
      nextIndex: row.next_index,
    }
  );
}

/** Another first commit may create it at the same moment: then theirs counts, with its type and algorithm. */
async function createArtifact(
  session: CatalogSession,
  { db, ingest }: { db: Database; ingest: IngestRecord },
): Promise<LockedArtifact> {
  const { entity, project, name } = ingest.artifact;
  const now = session.clock.nowMs();
  await db
    .insertInto('artifacts')
    .values({
      entity_id: await session.needEntity(db, entity),
      project,
      name,
      type: ingest.type,
      digest_algorithm: ingest.digestAlgorithm,
      created_at_ms: now,
      updated_at_ms: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const artifact = await lockArtifact(session, { db, ingest });
  invariant(artifact !== undefined, 'artifact-made', `artifact ${name} vanished inside a transaction`);
  return artifact;
}

/**
 * The version that makes a new one unnecessary: it has the same logical digest and the same entries stored. A DELETED
 * one never does. Counts are compared too, because a path may hold what separates two lines of the digest's preimage.
 */
async function findEqual(
  db: Database,
  { artifact, ingest, totals }: { artifact: LockedArtifact; ingest: IngestRecord; totals: Totals },
): Promise<number | undefined> {
  if (ingest.options.reuse === 'never') return undefined;
  const { digest, entryCount, sizeBytes, placement } = totals;
  const { artifactId } = artifact;
  const isLatest: RawBuilder<unknown> = sql`version_id = coalesce(
    (select l.version_id from aliases l where l.artifact_id = ${artifactId} and l.alias = ${LATEST}), 0
  )`;
  const candidates = ingest.options.reuse === 'latest' ? isLatest : sql`true`;
  const { rows } = await sql<{ version_id: number }>`
    select version_id from versions
    where artifact_id = ${artifactId} and digest = ${digest} and state = 'COMMITTED' and ${candidates}
      and entry_count = ${entryCount} and size_bytes = ${sizeBytes} and placement = ${placement}
    order by case when ${isLatest} then 0 else 1 end, version_index desc
    limit 1
  `.execute(db);
  return rows[0]?.version_id;
}

async function createVersion(
  session: CatalogSession,
  made: {
    db: Database;
    ingest: IngestRecord;
    artifact: LockedArtifact;
    totals: Totals;
    manifest: ManifestRef;
  },
): Promise<number> {
  const { db, ingest, artifact, totals, manifest } = made;
  const now = session.clock.nowMs();
  const { version_sequence: versionId } = await db
    .updateTable('catalog_state')
    .set((row) => ({ version_sequence: row('version_sequence', '+', 1) }))
    .returning('version_sequence')
    .executeTakeFirstOrThrow();
  const { left_out_count } = await db
    .selectFrom('ingests')
    .select('left_out_count')
    .where('ingest_id', '=', ingest.ingestId)
    .executeTakeFirstOrThrow();
  await db
    .insertInto('versions')
    .values({
      version_id: versionId,
      artifact_id: artifact.artifactId,
      entity_id: await session.needEntity(db, ingest.artifact.entity),
      version_index: artifact.nextIndex,
      state: 'COMMITTED',
      digest: totals.digest,
      description: ingest.description ?? null,
      metadata: JSON.stringify(ingest.metadata ?? {}),
      placement: totals.placement,
      entry_count: totals.entryCount,
      size_bytes: totals.sizeBytes,
      manifest_key: manifest.key,
      manifest_size_bytes: manifest.sizeBytes,
      manifest_footer_bytes: manifest.footerBytes,
      manifest_footer_crc32: manifest.footerCrc32,
      ingest_id: ingest.ingestId,
      left_out_count,
      deleted_tick: null,
      created_at_ms: now,
      updated_at_ms: now,
    })
    .execute();
  await db
    .updateTable('artifacts')
    .set((row) => ({
      next_index: row('next_index', '+', 1),
      version_count: row('version_count', '+', 1),
      updated_at_ms: now,
    }))
    .where('artifact_id', '=', artifact.artifactId)
    .execute();
  return versionId;
}

async function end(
  session: CatalogSession,
  ended: {
    db: Database;
    ingest: IngestRecord;
    version: { artifactId: number; versionId: number };
    aliases: readonly string[];
    created: boolean;
  },
): Promise<CommitResult> {
  const { db, ingest, version, aliases, created } = ended;
  await moveAliases(db, { version, aliases });
  await db
    .updateTable('ingests')
    .set({
      state: 'COMMITTED',
      version_id: version.versionId,
      error: null,
      updated_at_ms: session.clock.nowMs(),
    })
    .where('ingest_id', '=', ingest.ingestId)
    .execute();
  return { kind: 'committed', version: await committed(db, version.versionId), created };
}

async function committed(db: Database, versionId: number): Promise<VersionRecord> {
  const version = await selectVersion(db, versionId);
  invariant(version !== undefined, 'version-gone', `version ${versionId} vanished inside a transaction`);
  return version;
}
