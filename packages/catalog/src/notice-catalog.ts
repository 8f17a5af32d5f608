import type { IngestCatalog, NewNotice, NoticeRecord } from '@waybill/core';
import { sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import { type IngestFence, lockPlanning } from './lock-ingest.ts';
import type { Database } from './tables.ts';

type NoticePart = Pick<IngestCatalog, 'addWalkNotices' | 'dropWalkNotices' | 'listNotices' | 'countNotices'>;

/** Rows of one INSERT; a notice has 6 parameters. */
const NOTICES_PER_INSERT = 500;
/** Rows of one transaction. */
const NOTICES_PER_WRITE = 10_000;

export function noticeCatalog(session: CatalogSession): NoticePart {
  return {
    async addWalkNotices(ingest, { sourceIndex, notices }, options) {
      for (let at = 0; at < notices.length; at += NOTICES_PER_WRITE) {
        const some = notices.slice(at, at + NOTICES_PER_WRITE);
        await session.writeSoon('addWalkNotices', options, async (db) => {
          await lockPlanning(session, { db, ingest });
          await insertNotices(db, { ingestId: ingest.ingestId, notices: some, walkedSource: sourceIndex });
        });
      }
    },
    async dropWalkNotices(ingest, { sourceIndex }, options) {
      const drop = (db: Database): Promise<boolean> => dropSome(session, { db, ingest, sourceIndex });
      while (await session.writeSoon('dropWalkNotices', options, drop)) await session.breathe();
    },
    listNotices: (filter, options) => session.read(options, (db) => listNotices(db, filter)),
    countNotices: (ingestId, options) => session.read(options, (db) => countNotices(db, ingestId)),
  };
}

/** Adds notices and counts them on their ingest. `walkedSource` is null for those of a shard. */
export async function insertNotices(
  db: Database,
  added: { ingestId: string; notices: readonly NewNotice[]; walkedSource: number | null },
): Promise<void> {
  const { ingestId, notices, walkedSource } = added;
  if (notices.length === 0) return;
  const failed = notices.filter(({ severity }) => severity === 'failed').length;
  await countMore(db, { ingestId, failed, leftOut: notices.length - failed });
  for (let at = 0; at < notices.length; at += NOTICES_PER_INSERT) {
    const rows = notices.slice(at, at + NOTICES_PER_INSERT).map(({ severity, reason, path, message }) => ({
      ingest_id: ingestId,
      severity,
      reason,
      path,
      message,
      walked_source: walkedSource,
    }));
    await db.insertInto('notices').values(rows).execute();
  }
}

async function countMore(
  db: Database,
  { ingestId, failed, leftOut }: { ingestId: string; failed: number; leftOut: number },
): Promise<void> {
  await db
    .updateTable('ingests')
    .set((row) => ({
      failed_count: row('failed_count', '+', failed),
      left_out_count: row('left_out_count', '+', leftOut),
    }))
    .where('ingest_id', '=', ingestId)
    .execute();
}

/** Forgets some of what walks came across; whether there is more. */
async function dropSome(
  session: CatalogSession,
  { db, ingest, sourceIndex }: { db: Database; ingest: IngestFence; sourceIndex: number },
): Promise<boolean> {
  const { ingestId } = ingest;
  await lockPlanning(session, { db, ingest });
  const { rows } = await sql<{ severity: string }>`
    delete from notices where notice_id in (
      select notice_id from notices
      where ingest_id = ${ingestId} and walked_source >= ${sourceIndex}
      limit ${NOTICES_PER_WRITE}
    )
    returning severity
  `.execute(db);
  const failed = rows.filter(({ severity }) => severity === 'failed').length;
  await countMore(db, { ingestId, failed: -failed, leftOut: failed - rows.length });
  return rows.length === NOTICES_PER_WRITE;
}

async function listNotices(
  db: Database,
  { ingestId, severity, after = 0, limit }: Parameters<IngestCatalog['listNotices']>[0],
): Promise<NoticeRecord[]> {
  let query = db
    .selectFrom('notices')
    .select(['notice_id', 'severity', 'reason', 'path', 'message'])
    .where('ingest_id', '=', ingestId)
    .where('notice_id', '>', after);
  if (severity !== undefined) query = query.where('severity', '=', severity);
  const rows = await query.orderBy('notice_id').limit(limit).execute();
  return rows.map((row) => ({
    noticeId: row.notice_id,
    severity: row.severity === 'failed' ? 'failed' : 'left-out',
    reason: row.reason,
    path: row.path,
    message: row.message,
  }));
}

async function countNotices(db: Database, ingestId: string): Promise<{ leftOut: number; failed: number }> {
  const counts = await db
    .selectFrom('ingests')
    .select(['left_out_count', 'failed_count'])
    .where('ingest_id', '=', ingestId)
    .executeTakeFirst();
  return { leftOut: counts?.left_out_count ?? 0, failed: counts?.failed_count ?? 0 };
}
