import type { ArtifactError, BlobRows } from '@waybill/core';
import type { RawBuilder } from 'kysely';
import type { ColumnTypes } from './migrations.ts';
import type { Database } from './tables.ts';

/** Everything the two databases do differently. All queries are written once, over this. */
export interface SqlDialect {
  readonly columnTypes: ColumnTypes;
  /** Ends a `select` whose rows stay locked until the transaction ends. Nothing where writers are alone anyway. */
  readonly lockRows: RawBuilder<unknown>;
  /** A table `(i, digest)` of the digests given back to back, `i` counting from 0. */
  digestRows(digests: Uint8Array): RawBuilder<unknown>;
  /** A table `(i, digest, byte_offset, byte_length)`. */
  blobRows(blobs: BlobRows): RawBuilder<unknown>;
  /** A table of numbers, given by columns of one length. */
  integerRows(columns: Readonly<Record<string, readonly number[]>>): RawBuilder<unknown>;
  /** A one-column query of the numbers, for `in`. */
  integers(values: readonly number[]): RawBuilder<unknown>;
  /** A one-column query of the texts, for `in`. */
  texts(values: readonly string[]): RawBuilder<unknown>;
  /** Waits until no other process migrates; until the end of the transaction. */
  lockMigrations(db: Database): Promise<void>;
  /** Tables that are there before the first migration. */
  listTables(db: Database): Promise<string[]>;
  /** What the database itself finds wrong with its files. */
  integrityProblems(db: Database): Promise<string[]>;
  isMissingTable(error: unknown): boolean;
  /** Whether the same transaction may succeed when it is run again. */
  mayRetry(error: unknown): boolean;
  /** Any error of the database as ours; `catalog` names it in the message. */
  translate(error: unknown, catalog: string): ArtifactError;
}
