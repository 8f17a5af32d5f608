export { createIngestLocks } from './ingest-locks.ts';
export type { PostgresCatalogOptions } from './open-postgres-catalog.ts';
export { openPostgresCatalog } from './open-postgres-catalog.ts';
export type { SqliteCatalogOptions } from './open-sqlite-catalog.ts';
export { openSqliteCatalog } from './open-sqlite-catalog.ts';
export type { SqlCatalog } from './sql-catalog.ts';
