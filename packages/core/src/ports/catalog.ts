import type { CollectionCatalog } from './collection-catalog.ts';
import type { IngestCatalog } from './ingest-catalog.ts';
import type { VersionCatalog } from './version-catalog.ts';

export interface Catalog extends VersionCatalog, IngestCatalog, CollectionCatalog, AsyncDisposable {
  /** Random id of this catalog, made when it was created. */
  readonly catalogId: string;
}
