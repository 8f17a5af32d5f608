import {
  ArtifactError,
  assertAlias,
  type EncodedError,
  type IngestCatalog,
  type IngestRecord,
  type IngestSpec,
  type IngestState,
  invariant,
  mayMoveIngest,
} from '@waybill/core';
import { type RawBuilder, sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import { commitIngest } from './commit-ingest.ts';
import { assertAllDone, assertSameKind } from './ingest-kind.ts';
import { isNamed, selectArtifacts } from './select-artifacts.ts';
import { selectIngest, selectIngests } from './select-ingests.ts';
import type { Database } from './tables.ts';

/** Details of an error that take more than this are not kept on the ingest. */
const ERROR_CHARS_MAX = 65_536;

type Move = Parameters<IngestCatalog['moveIngest']>[0];
type Filter = Parameters<IngestCatalog['listIngests']>[0];

/** The part of {@link IngestCatalog} about ingests themselves; shards and notices have their own files. */
type IngestPart = Pick<
  IngestCatalog,
  | 'createIngest'
  | 'getIngest'
  | 'getIngestState'
  | 'listIngests'
  | 'moveIngest'
  | 'committedIngests'
  | 'commitIngest'
>;

export function ingestCatalog(session: CatalogSession): IngestPart {
  return {
    createIngest: (spec, options) =>
      session.write('createIngest', options, (db) => createIngest(session, { db, spec })),
    getIngest: (ingestId, options) => session.read(options, (db) => selectIngest(db, ingestId)),
    getIngestState: (ingestId, options) => session.read(options, (db) => getIngestState(db, ingestId)),
    listIngests(filter, options) {
      const where = meets(session, filter);
      return session.read(options, (db) => selectIngests(db, { where, limit: filter.limit }));
    },
    async moveIngest(move, options) {
      assertMove(move);
      return session.write('moveIngest', options, (db) => moveIngest(session, { db, move }));
    },
    committedIngests: (sequences, options) =>
      session.read(options, (db) => committedIngests(session, { db, sequences, entity: options?.entity })),
    commitIngest: (request, options) =>
      session.write('commitIngest', options, (db) => commitIngest(session, { db, request })),
  };
}

async function createIngest(
  session: CatalogSession,
  { db, spec }: { db: Database; spec: IngestSpec },
): Promise<IngestRecord> {
  for (const alias of spec.aliases) assertAlias(alias);
  const entity_id = await session.needEntity(db, spec.artifact.entity);
  const [artifact] = await selectArtifacts(db, { where: isNamed(spec.artifact), limit: 1 });
  const digest_algorithm = spec.digestAlgorithm ?? artifact?.digestAlgorithm ?? 'MD5';
  if (artifact !== undefined)
    assertSameKind({ artifact, type: spec.type, digestAlgorithm: digest_algorithm });
  const { tick, ingest_sequence } = await db
    .updateTable('catalog_state')
    .set((row) => ({ tick: row('tick', '+', 1), ingest_sequence: row('ingest_sequence', '+', 1) }))
    .returning(['tick', 'ingest_sequence'])
    .executeTakeFirstOrThrow();
  const now = session.clock.nowMs();
  const inserted = await db
    .insertInto('ingests')
    .values({
      ingest_id: spec.ingestId,
      sequence: ingest_sequence,
      entity_id,
      project: spec.artifact.project,
      name: spec.artifact.name,
      type: spec.type,
      digest_algorithm,
      aliases: JSON.stringify(spec.aliases),
      description: spec.description ?? null,
      metadata: spec.metadata === undefined ? null : JSON.stringify(spec.metadata),
      sources: JSON.stringify(spec.sources),
      options: JSON.stringify(spec.options),
      fingerprint: spec.fingerprint,
      state: 'PLANNING',
      fence: 1,
      opened_tick: tick,
      error: null,
      version_id: null,
      created_at_ms: now,
      updated_at_ms: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows === 0n) {
    throw new ArtifactError('STATE_CONFLICT', `an ingest ${spec.ingestId} exists already`);
  }
  return needIngest(db, spec.ingestId);
}

/** Only `commitIngest` makes an ingest COMMITTED, and staying in a state makes sense with a new fence only. */
function assertMove({ ingestId, from, to, newFence }: Move): void {
  for (const state of from) {
    const allowed = mayMoveIngest(state, to) && to !== 'COMMITTED' && (state !== to || newFence === true);
    invariant(allowed, 'ingest-move', `ingest ${ingestId} must not move from ${state} to ${to}`);
  }
}

/**
 * The error of a failed ingest stays on record until it is taken up again. Its opened tick never changes: what it
 * stored before it was planned anew stays protected.
 */
async function moveIngest(
  session: CatalogSession,
  { db, move }: { db: Database; move: Move },
): Promise<IngestRecord | undefined> {
  const { ingestId, from, to, fence, newFence, error } = move;
  const takenUp = to === 'PLANNING' || to === 'RUNNING';
  let update = db
    .updateTable('ingests')
    .set({ state: to, updated_at_ms: session.clock.nowMs() })
    .where('ingest_id', '=', ingestId)
    .where('state', 'in', sql<string>`${session.dialect.texts(from)}`);
  if (newFence === true) update = update.set((row) => ({ fence: row('fence', '+', 1) }));
  if (newFence === true && to === 'PLANNING') update = update.set({ replanned: 1 });
  if (error !== undefined) update = update.set({ error: errorColumn(error) });
  else if (takenUp) update = update.set({ error: null });
  if (fence !== undefined) update = update.where('fence', '=', fence);
  const { numUpdatedRows } = await update.executeTakeFirst();
  if (numUpdatedRows === 0n) return undefined;
  const moved = await needIngest(db, ingestId);
  if (to === 'FINALIZING') assertAllDone(moved);
  return moved;
}

async function getIngestState(
  db: Database,
  ingestId: string,
): Promise<{ state: IngestState; fence: number } | undefined> {
  const { rows } = await sql<{ state: IngestState; fence: number }>`
    select state, fence from ingests where ingest_id = ${ingestId}
  `.execute(db);
  return rows[0];
}

function meets(session: CatalogSession, filter: Filter): RawBuilder<unknown> {
  const { states, fingerprint, entity, after = 0 } = filter;
  const conditions = [
    sql`i.sequence > ${after}`,
    ...(states === undefined ? [] : [sql`i.state in ${session.dialect.texts(states)}`]),
    ...(fingerprint === undefined ? [] : [sql`i.fingerprint = ${fingerprint}`]),
    ...(entity === undefined ? [] : [sql`e.name = ${entity}`]),
  ];
  return sql.join(conditions, sql` and `);
}

/** An error as it is kept. Lists of paths are not: they are the ingest's notices, and may be long. */
function errorColumn(error: EncodedError): string {
  const text = JSON.stringify(error);
  return text.length <= ERROR_CHARS_MAX
    ? text
    : JSON.stringify({ code: error.code, message: error.message, details: {} });
}

async function committedIngests(
  session: CatalogSession,
  query: { db: Database; sequences: readonly number[]; entity: string | undefined },
): Promise<number[]> {
  const { db, sequences, entity } = query;
  if (sequences.length === 0) return [];
  const ofEntity = entity === undefined ? sql`true` : sql`e.name = ${entity}`;
  const { rows } = await sql<{ sequence: number }>`
    select i.sequence
    from ingests i
    join entities e on e.entity_id = i.entity_id
    join versions v on v.version_id = i.version_id
    where i.sequence in ${session.dialect.integers(sequences)} and ${ofEntity}
      and i.state = ${'COMMITTED' satisfies IngestState} and v.state = 'COMMITTED' and i.replanned = 0
      -- Before schema 2 an ingest could end in a version that has the same digest, but stores nothing.
      and (v.ingest_id = i.ingest_id or v.placement <> '')
      and i.sequence > (select proofs_void_up_to from catalog_state)
    order by i.sequence
  `.execute(db);
  return rows.map(({ sequence }) => sequence);
}

async function needIngest(db: Database, ingestId: string): Promise<IngestRecord> {
  const found = await selectIngest(db, ingestId);
  invariant(found !== undefined, 'ingest-gone', `ingest ${ingestId} vanished inside a transaction`);
  return found;
}
