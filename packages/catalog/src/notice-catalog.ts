import { ArtifactError, type IngestCatalog, type NewNotice, type NoticeRecord } from '@waybill/core';
import type { CatalogSession } from './catalog-session.ts';
import type { Database } from './tables.ts';

type NoticePart = Pick<IngestCatalog, 'addNotices' | 'listNotices' | 'countNotices'>;

/** Rows of one INSERT; a notice has 5 parameters. */
const NOTICES_PER_INSERT = 500;
/** Rows of one transaction. */
const NOTICES_PER_WRITE = 10_000;

export function noticeCatalog(session: CatalogSession): NoticePart {
  return {
    async addNotices(ingestId, notices, options) {
      for (let at = 0; at < notices.length; at += NOTICES_PER_WRITE) {
        const some = notices.slice(at, at + NOTICES_PER_WRITE);
        await session.writeSoon('addNotices', options, async (db) => {
          const known = await insertNotices(db, { ingestId, notices: some });
          if (!known) throw new ArtifactError('NOT_FOUND', `there is no ingest ${ingestId}`);
        });
      }
    },
    listNotices: (filter, options) => session.read(options, (db) => listNotices(db, filter)),
    countNotices: (ingestId, options) => session.read(options, (db) => countNotices(db, ingestId)),
  };
}

/** Adds notices and counts them on their ingest; whether that exists. */
export async function insertNotices(
  db: Database,
  { ingestId, notices }: { ingestId: string; notices: readonly NewNotice[] },
): Promise<boolean> {
  if (notices.length === 0) return true;
  const failed = notices.filter(({ severity }) => severity === 'failed').length;
  const { numUpdatedRows } = await db
    .updateTable('ingests')
    .set((row) => ({
      failed_count: row('failed_count', '+', failed),
      left_out_count: row('left_out_count', '+', notices.length - failed),
    }))
    .where('ingest_id', '=', ingestId)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  for (let at = 0; at < notices.length; at += NOTICES_PER_INSERT) {
    const rows = notices.slice(at, at + NOTICES_PER_INSERT).map(({ severity, reason, path, message }) => ({
      ingest_id: ingestId,
      severity,
      reason,
      path,
      message,
    }));
    await db.insertInto('notices').values(rows).execute();
  }
  return true;
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
