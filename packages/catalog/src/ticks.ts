import type { Database } from './tables.ts';

/** The tick now. */
export async function readTick(db: Database): Promise<number> {
  const { tick } = await db.selectFrom('catalog_state').select('tick').executeTakeFirstOrThrow();
  return tick;
}

/** Raises the tick. Transactions that do are one after the other from here to their end. */
export async function raiseTick(db: Database): Promise<number> {
  const { tick } = await db
    .updateTable('catalog_state')
    .set((row) => ({ tick: row('tick', '+', 1) }))
    .returning('tick')
    .executeTakeFirstOrThrow();
  return tick;
}
