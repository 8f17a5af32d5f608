import type { BlobIndex, CallOptions, Catalog } from '@waybill/core';
import { sql } from 'kysely';
import { blobIndex } from './blob-index.ts';
import type { CatalogSession } from './catalog-session.ts';
import { collectionCatalog } from './collection-catalog.ts';
import { ingestCatalog } from './ingest-catalog.ts';
import { noticeCatalog } from './notice-catalog.ts';
import { shardCatalog } from './shard-catalog.ts';
import type { Database } from './tables.ts';
import { versionCatalog } from './version-catalog.ts';

const PROBLEMS_MAX = 20;

/** A catalog in a database, with its blob index. */
export interface SqlCatalog extends Catalog, BlobIndex {
  /**
   * Reads the whole database and answers what is wrong with it, as sentences; nothing when it is sound. Takes a time
   * that grows with the catalog, on the calling thread where it is SQLite.
   */
  check(options?: CallOptions): Promise<readonly string[]>;
}

export function sqlCatalog(session: CatalogSession, { catalogId }: { catalogId: string }): SqlCatalog {
  return {
    catalogId,
    ...versionCatalog(session),
    ...ingestCatalog(session),
    ...shardCatalog(session),
    ...noticeCatalog(session),
    ...collectionCatalog(session),
    ...blobIndex(session),
    async check(options) {
      const own = await session.read(options, (db) => session.dialect.integrityProblems(db));
      return own.length > 0 ? own : session.read(options, wrongCounters);
    },
    [Symbol.asyncDispose]: () => session.close(),
  };
}

/** Objects whose counters do not say what lies in them, and blobs of objects that are not there. */
async function wrongCounters(db: Database): Promise<string[]> {
  const objects = await sql<{ object_key: string; live_blobs: number; found: number }>`
    select o.object_key, o.live_blobs, count(b.blob_id) as found
    from objects o left join blobs b on b.object_id = o.object_id
    group by o.object_id, o.object_key, o.live_blobs, o.live_bytes
    having count(b.blob_id) <> o.live_blobs or coalesce(sum(b.byte_length), 0) <> o.live_bytes
    order by o.object_id
    limit ${sql.lit(PROBLEMS_MAX)}
  `.execute(db);
  const orphans = await sql<{ object_id: number; found: number }>`
    select b.object_id, count(*) as found from blobs b
    where not exists (select 1 from objects o where o.object_id = b.object_id)
    group by b.object_id order by b.object_id limit ${sql.lit(PROBLEMS_MAX)}
  `.execute(db);
  return [
    ...objects.rows.map(
      (row) => `object ${row.object_key} counts ${row.live_blobs} blobs and the index has ${row.found} in it`,
    ),
    ...orphans.rows.map((row) => `${row.found} blobs lie in an object ${row.object_id} that is not there`),
  ];
}
