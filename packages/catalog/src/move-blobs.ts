import {
  ArtifactError,
  type BlobRows,
  type CallOptions,
  type CollectionCatalog,
  DIGEST_BYTES,
} from '@waybill/core';
import { sql } from 'kysely';
import { algorithmCode } from './algorithms.ts';
import { sliceBlobs, sortBlobs } from './blob-rows.ts';
import type { CatalogSession } from './catalog-session.ts';
import { lockObjects, type Removed, uncount } from './objects.ts';
import { BLOBS_PER_WRITE } from './record-blobs.ts';
import type { Database } from './tables.ts';
import { readTick } from './ticks.ts';

type Move = Parameters<CollectionCatalog['moveBlobs']>[0];

const BLOBS_PER_READ = 20_000;

interface BlobRow {
  blob_id: number;
  digest: Uint8Array;
  byte_offset: number;
  byte_length: number;
}

/** Blobs of one object, by offset. */
export async function listObjectBlobs(
  session: CatalogSession,
  { objectId, options }: { objectId: number; options: CallOptions | undefined },
): Promise<BlobRows> {
  const rows: BlobRow[] = [];
  for (let after = 0; ; ) {
    const page = await session.read(options, (db) =>
      db
        .selectFrom('blobs')
        .select(['blob_id', 'digest', 'byte_offset', 'byte_length'])
        .where('object_id', '=', objectId)
        .where('blob_id', '>', after)
        .orderBy('blob_id')
        .limit(BLOBS_PER_READ)
        .execute(),
    );
    rows.push(...page);
    after = page.at(-1)?.blob_id ?? 0;
    if (page.length < BLOBS_PER_READ) break;
    await session.breathe();
  }
  const digests = new Uint8Array(rows.length * DIGEST_BYTES);
  for (const [row, { digest }] of rows.entries()) digests.set(digest, row * DIGEST_BYTES);
  return sortBlobs({
    digests,
    offsets: Float64Array.from(rows, (row) => row.byte_offset),
    lengths: Float64Array.from(rows, (row) => row.byte_length),
  });
}

/**
 * Moves blobs to a durable object that was announced, and condemns the one they lay in. Nothing is lost by dying in
 * between: what was moved is found in the new object, the rest in the old one.
 *
 * @throws ArtifactError `STATE_CONFLICT` when the new object was given up, or the old one still holds other blobs
 */
export async function moveBlobs(
  session: CatalogSession,
  { move, options }: { move: Move; options: CallOptions | undefined },
): Promise<void> {
  const count = move.blobs.offsets.length;
  for (let start = 0; start === 0 || start < count; start += BLOBS_PER_WRITE) {
    const end = Math.min(count, start + BLOBS_PER_WRITE);
    const some = { ...move, blobs: sliceBlobs(move.blobs, start, end) };
    await session.write('moveBlobs', options, (db) =>
      moveSome(session, { db, move: some, isLast: end === count }),
    );
  }
}

async function moveSome(
  session: CatalogSession,
  { db, move, isLast }: { db: Database; move: Move; isLast: boolean },
): Promise<void> {
  const { fromObjectId, toObjectId, sizeBytes } = move;
  const locked = await lockObjects(db, { session, objectIds: [fromObjectId, toObjectId] });
  const to = locked.get(toObjectId);
  if (to?.state !== 'WRITING') {
    throw new ArtifactError(
      'STATE_CONFLICT',
      `object ${to?.key ?? toObjectId} was given up meanwhile: another collection began`,
    );
  }
  const moved = await changeObject(session, { db, move });
  const totals = await uncount(db, { session, removed: moved });
  const live = to.liveBlobs + totals.blobs;
  const tick = await readTick(db);
  const end = isLast
    ? { state: live > 0 ? 'STORED' : 'CONDEMNED', condemned_at_ms: live > 0 ? null : session.clock.nowMs() }
    : {};
  await db
    .updateTable('objects')
    .set((row) => ({
      algorithm: algorithmCode(move.algorithm),
      size_bytes: sizeBytes,
      used_tick: tick,
      live_blobs: live,
      live_bytes: row('live_bytes', '+', totals.bytes),
      ...end,
    }))
    .where('object_id', '=', toObjectId)
    .execute();
  if (isLast) await assertEmpty(db, fromObjectId);
}

/** Answers the moved blobs as ones that left the old object. */
async function changeObject(
  session: CatalogSession,
  { db, move }: { db: Database; move: Move },
): Promise<Removed[]> {
  const { fromObjectId, toObjectId, algorithm, blobs } = move;
  if (blobs.offsets.length === 0) return [];
  const { rows } = await sql<{ byte_length: number }>`
    update blobs set object_id = ${toObjectId}, byte_offset = r.byte_offset
    from ${session.dialect.blobRows(blobs)} r
    where blobs.entity_id = (select entity_id from objects where object_id = ${fromObjectId})
      and blobs.algorithm = ${algorithmCode(algorithm)} and blobs.digest = r.digest
      and blobs.byte_length = r.byte_length and blobs.object_id = ${fromObjectId}
    returning blobs.byte_length
  `.execute(db);
  return rows.map(({ byte_length }) => ({ object_id: fromObjectId, byte_length }));
}

/** The bytes of what is left would go with the old object. */
async function assertEmpty(db: Database, objectId: number): Promise<void> {
  const left = await db
    .selectFrom('objects')
    .select(['object_key', 'live_blobs'])
    .where('object_id', '=', objectId)
    .executeTakeFirst();
  if (left === undefined || left.live_blobs === 0) return;
  throw new ArtifactError(
    'STATE_CONFLICT',
    `object ${left.object_key} holds ${left.live_blobs} blobs that were not moved; it stays`,
    { details: { subject: left.object_key } },
  );
}
