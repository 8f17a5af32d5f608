import type { DigestAlgorithm } from '../digest.ts';
import type { BlobRows } from '../pack.ts';
import type { ObjectKey } from '../store-keys.ts';
import type { CallOptions } from './blob-store.ts';
import type { Page, VersionRecord } from './records.ts';

/** Totals of what collection found or did. */
export interface BlobTotals {
  readonly blobs: number;
  readonly bytes: number;
}

export interface CollectableObject {
  readonly objectId: number;
  readonly key: ObjectKey;
  readonly sizeBytes: number;
}

export interface PackUse extends CollectableObject {
  readonly algorithm: DigestAlgorithm;
  readonly liveBytes: number;
}

/** An object that holds blobs nothing needs. */
export interface UnreferencedUse extends CollectableObject {
  readonly kind: 'pack' | 'blob';
  /** What nothing needs of it, and all that lies in it. */
  readonly unreferenced: BlobTotals;
  readonly live: BlobTotals;
}

/** What `gc` needs of the catalog. All by catalog state and ticks, no clock but for the grace period. */
export interface CollectionCatalog {
  /** Starts a collection: raises the tick; `thresholdTick` is that of the oldest open ingest, or the new one. */
  beginCollection(
    entity: string,
    options?: CallOptions,
  ): Promise<{ collection: number; thresholdTick: number; openIngests: number }>;
  /** Versions whose blobs must stay: COMMITTED, or deleted at or after the threshold. `after` is a `versionId`. */
  listRetainedVersions(
    scope: { entity: string; thresholdTick: number } & Page,
    options?: CallOptions,
  ): Promise<VersionRecord[]>;
  markReferenced(
    batch: { entity: string; collection: number; algorithm: DigestAlgorithm; digests: Uint8Array },
    options?: CallOptions,
  ): Promise<void>;
  /** What {@link condemnUnreferenced} would take, by object; nothing is changed. `after` is an `objectId`. */
  listUnreferenced(
    scope: { entity: string; collection: number; thresholdTick: number } & Page,
    options?: CallOptions,
  ): Promise<UnreferencedUse[]>;
  /** Takes up to `limit` such blobs out of the index; zero when there are no more. Objects left empty become condemned. */
  condemnUnreferenced(
    scope: { entity: string; collection: number; thresholdTick: number; limit: number },
    options?: CallOptions,
  ): Promise<BlobTotals>;
  /** Announced objects that no live attempt will record: their ingest ended, or the attempt was replaced. They become condemned. */
  condemnAbandoned(entity: string, options?: CallOptions): Promise<number>;
  /** What {@link condemnAbandoned} would condemn; nothing is changed. */
  countAbandoned(entity: string, options?: CallOptions): Promise<{ objects: number; bytes: number }>;
  /** Condemned objects whose grace is over. `after` is an `objectId`. */
  listCondemned(
    scope: { entity: string; condemnedBeforeMs: number } & Page,
    options?: CallOptions,
  ): Promise<CollectableObject[]>;
  /** Forgets a condemned object after its bytes were removed. */
  dropObject(objectId: number, options?: CallOptions): Promise<void>;
  /** Packs whose live bytes are below the given share of their size. `after` is an `objectId`. */
  listSparsePacks(
    scope: { entity: string; liveShareBelow: number } & Page,
    options?: CallOptions,
  ): Promise<PackUse[]>;
  /** Blobs of one object, by offset. */
  listObjectBlobs(objectId: number, options?: CallOptions): Promise<BlobRows>;
  /** Announces the object a pack is rewritten into (no ingest owns it). */
  announceRewrite(
    object: { entity: string; key: ObjectKey; collection: number },
    options?: CallOptions,
  ): Promise<number>;
  /** Moves blobs that still lie in `fromObjectId` to the new, durable object and condemns the old one. */
  moveBlobs(
    move: {
      fromObjectId: number;
      toObjectId: number;
      algorithm: DigestAlgorithm;
      sizeBytes: number;
      blobs: BlobRows;
    },
    options?: CallOptions,
  ): Promise<void>;
  /** Every object of the index, for `store check`. `after` is an `objectId`. */
  listObjects(
    scope: { entity: string } & Page,
    options?: CallOptions,
  ): Promise<(CollectableObject & { kind: 'pack' | 'blob'; algorithm: DigestAlgorithm })[]>;
  /**
   * Which of these keys (a few hundred) no object has, whatever its state, announced and condemned ones included. Asked
   * after a key was seen in the store: objects are announced before their bytes appear, so such a key is a leftover.
   */
  unknownObjects(
    scope: { entity: string; keys: readonly ObjectKey[] },
    options?: CallOptions,
  ): Promise<ObjectKey[]>;
  /** Whether a stored manifest belongs to a version that is COMMITTED, or was deleted at or after the threshold. */
  manifestInUse(key: ObjectKey, thresholdTick: number, options?: CallOptions): Promise<boolean>;
  /**
   * Takes blobs out of the index because their bytes are gone or wrong, and makes stat cache proofs so far void. With
   * `objectId`, only those that lie in this object.
   */
  dropBlobs(
    batch: { entity: string; algorithm: DigestAlgorithm; digests: Uint8Array; objectId?: number },
    options?: CallOptions,
  ): Promise<number>;
  /** Empties the entity's index before it is rebuilt from the store; makes stat cache proofs so far void. */
  resetIndex(entity: string, options?: CallOptions): Promise<void>;
  /** Adds a durable object found in the store with its blobs; answers its id. */
  adoptObject(
    object: {
      entity: string;
      key: ObjectKey;
      kind: 'pack' | 'blob';
      algorithm: DigestAlgorithm;
      sizeBytes: number;
      blobs: BlobRows;
    },
    options?: CallOptions,
  ): Promise<number>;
  /** Entities that have anything recorded. */
  listEntities(options?: CallOptions): Promise<string[]>;
}
