import type { ArtifactError, BlobRows } from '@waybill/core';
import type { RawBuilder } from 'kysely';
import type { ColumnTypes } from './migrations.ts';
import type { Database } from './tables.ts';

/** Digests of one entity and algorithm, both as numbers; 16 bytes each, back to back. */
export interface DigestQuery {
  readonly entityId: number;
  readonly algorithm: number;
  readonly digests: Uint8Array;
}

/** Everything the two databases do differently. All queries are written once, over this. */
export interface SqlDialect {
  readonly columnTypes: ColumnTypes;
  /** Ends a `select` whose rows stay locked until the transaction ends. Nothing where writers are alone anyway. */
  readonly lockRows: RawBuilder<unknown>;
  /**
   * A table `(i, blob_id, object_id, byte_offset, byte_length)` of the digests that are in the index, `i` counting those
   * asked for from 0. Each is looked up by the index over digests, whatever the planner believes.
   */
  findBlobs(query: DigestQuery): RawBuilder<unknown>;
  /** A table `(i, digest, byte_offset, byte_length)`. */
  blobRows(blobs: BlobRows): RawBuilder<unknown>;
  /** A table of numbers, given by columns of one length. */
  integerRows(columns: Readonly<Record<string, readonly number[]>>): RawBuilder<unknown>;
  /** A one-column query of the numbers, for `in`. */
  integers(values: readonly number[]): RawBuilder<unknown>;
  /** A one-column query of the texts, for `in`. */
  texts(values: readonly string[]): RawBuilder<unknown>;
  /**
   * A transaction whose commit does not wait for the disk: a power loss may undo it, and then undoes all that was
   * committed after it. The next other transaction makes it durable too.
   */
  transactSoon<T>(db: Database, transaction: (db: Database) => Promise<T>): Promise<T>;
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
