import type { DigestAlgorithm } from '../digest.ts';
import type { BlobRows } from '../pack.ts';
import type { ObjectKey } from '../store-keys.ts';
import type { CallOptions } from './blob-store.ts';

/** Where one blob lies. */
export interface BlobLocation {
  readonly key: ObjectKey;
  readonly offset: number;
  readonly length: number;
}

/** Digests asked for together: 16 bytes each, one after the other. Calls take at most a few thousand. */
export interface DigestBatch {
  readonly entity: string;
  readonly algorithm: DigestAlgorithm;
  readonly digests: Uint8Array;
}

export interface NewObject {
  readonly entity: string;
  readonly key: ObjectKey;
  readonly kind: 'pack' | 'blob';
  readonly ingestId: string;
  readonly shardId: number;
  readonly attempt: number;
}

export interface StoredObject {
  readonly objectId: number;
  readonly entity: string;
  readonly algorithm: DigestAlgorithm;
  /** Whole object, footer included. */
  readonly sizeBytes: number;
  readonly blobs: BlobRows;
}

/**
 * Which distinct contents are stored, and where. "Present" means durable, not on its way. Uses are stamped with the
 * catalog's tick (a counter, no clock), which is how gc knows what an open ingest may rely on.
 */
export interface BlobIndex {
  /** Marks the blobs that are present as used now; answers a byte for each digest: 1 present, 0 missing. */
  markUsed(batch: DigestBatch, options?: CallOptions): Promise<Uint8Array>;

  /** Where each blob lies, in the order asked for; `undefined` for what is missing. */
  locate(batch: DigestBatch, options?: CallOptions): Promise<(BlobLocation | undefined)[]>;

  /** Announces an object before its bytes appear under its key, so that gc can tell a leftover by catalog state. */
  announceObject(object: NewObject, options?: CallOptions): Promise<number>;

  /**
   * Records an announced object as durable, with its blobs. A blob that another object brought meanwhile keeps its
   * place; answers how many of these blobs are now the index's. `STATE_CONFLICT` when the object was given up meanwhile.
   */
  recordObject(object: StoredObject, options?: CallOptions): Promise<number>;

  /** Forgets an announced object whose bytes were not, or no longer, written. */
  forgetObject(objectId: number, options?: CallOptions): Promise<void>;
}
