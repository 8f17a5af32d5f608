import { ArtifactError, type IngestState } from '@waybill/core';
import { sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import type { Database } from './tables.ts';

/** One execution of an ingest. */
export interface IngestFence {
  readonly ingestId: string;
  readonly fence: number;
}

/** Taken before any of the ingest's shards, so that no two transactions wait for each other. */
export async function lockIngest(
  session: CatalogSession,
  { db, ingestId }: { db: Database; ingestId: string },
): Promise<{ state: IngestState; fence: number } | undefined> {
  const { rows } = await sql<{ state: IngestState; fence: number }>`
    select state, fence from ingests where ingest_id = ${ingestId} ${session.dialect.lockRows}
  `.execute(db);
  return rows[0];
}

/**
 * Locks an ingest that this execution is planning.
 *
 * @throws ArtifactError `NOT_FOUND`; `CANCELLED`; `STATE_CONFLICT` when another execution has taken it up
 */
export async function lockPlanning(
  session: CatalogSession,
  { db, ingest }: { db: Database; ingest: IngestFence },
): Promise<void> {
  const { ingestId, fence } = ingest;
  const found = await lockIngest(session, { db, ingestId });
  if (found === undefined) throw new ArtifactError('NOT_FOUND', `there is no ingest ${ingestId}`);
  if (found.state === 'PLANNING' && found.fence === fence) return;
  if (found.state === 'CANCELLING' || found.state === 'CANCELLED') {
    throw new ArtifactError('CANCELLED', `ingest ${ingestId} was cancelled`);
  }
  throw new ArtifactError(
    'STATE_CONFLICT',
    `another process took up ingest ${ingestId}, which is ${found.state} now; let that one finish it`,
  );
}
