import type {
  ArtifactName,
  ArtifactRecord,
  DigestAlgorithm,
  Entry,
  ErrorCode,
  IngestRecord,
  Metadata,
  NoticeRecord,
  VersionRecord,
  VersionRef,
} from '@waybill/core';

/** One page of a list; `next` is the `after` of the page behind it. */
export interface Paged<Item, Cursor> {
  readonly items: readonly Item[];
  readonly next: Cursor | undefined;
}

export interface GetRequest {
  readonly ref: VersionRef;
  /** Folder to write into; made when it is missing. */
  readonly root: string;
  /** Globs over entry paths; empty for everything. */
  readonly only: readonly string[];
}

export interface GetResult {
  readonly version: VersionRecord;
  /** Real path of the folder. */
  readonly root: string;
  /** Entries asked for, and the sum of their known sizes. */
  readonly entries: number;
  readonly bytes: number;
  /** Files written, and files that were there with the right content. */
  readonly written: number;
  readonly skipped: number;
}

export interface CheckoutRequest {
  readonly ref: VersionRef;
  readonly root: string;
  /** Take over a folder that holds something and was not made by a checkout. */
  readonly force: boolean;
}

export interface CheckoutResult extends GetResult {
  /** Files and links removed because they are not in the version. */
  readonly removed: number;
  readonly foldersRemoved: number;
}

export interface VerifyRequest {
  readonly ref: VersionRef;
  readonly root: string;
}

/** `changed`: other content, or a link or special file in the place of a file. */
export interface TreeDifference {
  readonly kind: 'missing' | 'extra' | 'changed';
  readonly path: string;
}

export interface VerifyResult {
  readonly version: VersionRecord;
  readonly root: string;
  readonly ok: boolean;
  readonly entries: number;
  readonly missing: number;
  readonly extra: number;
  readonly changed: number;
  /** References whose file was hashed and compared. */
  readonly referencesChecked: number;
  /** References to other places than local files that have no file here, or no digest of content. */
  readonly referencesUnchecked: number;
}

export interface ListEntriesRequest {
  readonly ref: VersionRef;
  /** A folder or an entry; empty for the top. */
  readonly prefix: string;
  /** Path of the last item of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export type ListedEntry =
  | {
      readonly kind: 'folder';
      /** Ends in `/`. */
      readonly path: string;
    }
  | { readonly kind: 'file'; readonly path: string; readonly entry: Entry };

export interface ListEntriesResult extends Paged<ListedEntry, string> {
  readonly version: VersionRecord;
}

export interface ShowResult {
  readonly version: VersionRecord;
  readonly artifact: ArtifactRecord;
  /** Id as W&B clients have it: base64 of `Artifact:<n>`. */
  readonly id: string;
  /** The ingest that made the version, with its options and counts. */
  readonly ingest: IngestRecord | undefined;
  /** What the sources held that is not in the version. */
  readonly leftOut: Paged<NoticeRecord, number>;
}

export interface EditRequest {
  readonly ref: VersionRef;
  /** `null` removes the description; absent keeps it. */
  readonly description?: string | null;
  readonly metadata?: Metadata;
}

export interface DiffRequest {
  readonly from: VersionRef;
  readonly to: VersionRef;
}

export interface EntryDifference {
  readonly kind: 'added' | 'removed' | 'changed' | 'moved';
  /** Path in `to`; for `removed` the path in `from`. */
  readonly path: string;
  /** `moved` only. */
  readonly fromPath?: string;
  readonly digest: string;
  /** `changed` only: digest in `from`. */
  readonly fromDigest?: string;
  readonly sizeBytes: number | undefined;
  /** `changed` only: size in `from`. */
  readonly fromSizeBytes?: number | undefined;
}

export interface DifferenceTotals {
  readonly count: number;
  /** Sum of the known sizes; for `changed` of those in `to`. */
  readonly bytes: number;
}

export interface DiffResult {
  readonly from: VersionRecord;
  readonly to: VersionRecord;
  readonly added: DifferenceTotals;
  readonly removed: DifferenceTotals;
  readonly changed: DifferenceTotals;
  readonly moved: DifferenceTotals;
}

export type ManifestFormat = 'wandb-json' | 'ndjson' | 'parquet';

export interface CatResult {
  readonly version: VersionRecord;
  readonly entry: Entry;
  /**
   * The content. Small entries are verified before the first chunk leaves. A large one is verified while it leaves:
   * when it turns out wrong, reading ends with `CORRUPT` and what was read is not to be used.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface CollectRequest {
  readonly dryRun: boolean;
  /** How long bytes stay after their object was condemned. */
  readonly graceMs: number;
  /** Absent: every entity. */
  readonly entity?: string;
}

/** What one collection did for one entity; with `dryRun`, what it would do now. */
export interface CollectReport {
  readonly entity: string;
  /** Versions whose contents were kept. */
  readonly versionsKept: number;
  /** Blobs taken out of the index because nothing needs them. */
  readonly blobsCondemned: number;
  readonly bytesCondemned: number;
  /** Objects of ingests that ended without recording them. */
  readonly objectsAbandoned: number;
  readonly packsRewritten: number;
  /** Packs that are mostly dead but hold a damaged blob, so that they were left alone. */
  readonly packsDamaged: readonly string[];
  /** Objects whose bytes were removed. */
  readonly objectsRemoved: number;
  readonly bytesRemoved: number;
  /** Condemned objects whose grace is not over. */
  readonly objectsInGrace: number;
  readonly bytesInGrace: number;
  /** Manifests of deleted versions and ended ingests. */
  readonly manifestsRemoved: number;
  /** Staged objects of ended ingests. */
  readonly stagingRemoved: number;
  /** Stored objects the index did not know: taken in, so that what is needed of them stays and the rest is collected. */
  readonly orphansAdopted: number;
  /** Such objects that were unreadable: removed, or left alone while contents of a version are missing. */
  readonly orphansRemoved: number;
  readonly orphansLeft: number;
  /** Ingests that may still commit; what they may rely on is kept, and their staging. */
  readonly openIngests: number;
  /** What to do about them; empty when there are none. */
  readonly advice: string;
}

export interface CheckRequest {
  /**
   * Takes damaged and missing blobs out of the index, so that the next `put` of their content stores it anew, and
   * writes packs whose list of blobs is damaged anew.
   */
  readonly repair: boolean;
  /** Absent: every entity. */
  readonly entity?: string;
}

export type StoreFinding =
  /** The object cannot be read as far as the index says. */
  | { readonly kind: 'damaged-object'; readonly key: string; readonly message: string }
  | {
      readonly kind: 'damaged-blob';
      readonly key: string;
      readonly digest: string;
      readonly algorithm: DigestAlgorithm;
    }
  /** The pack's blobs can be read, but `rebuild-index` would not find them. */
  | { readonly kind: 'damaged-footer'; readonly key: string; readonly message: string }
  | {
      readonly kind: 'damaged-manifest';
      readonly key: string;
      readonly version: string;
      readonly message: string;
    }
  /** An entry of a version whose bytes are damaged or not there. */
  | {
      readonly kind: 'damaged-entry';
      readonly version: string;
      readonly path: string;
      readonly digest: string;
      readonly reason: 'damaged' | 'missing' | 'wrong-size';
    }
  /** An object no record knows; `gc` removes those of ended ingests and deleted versions. */
  | { readonly kind: 'leftover'; readonly key: string; readonly sizeBytes: number };

export interface CheckResult {
  readonly ok: boolean;
  readonly objects: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly versions: number;
  readonly entries: number;
  readonly damagedBlobs: number;
  readonly damagedObjects: number;
  readonly damagedManifests: number;
  readonly damagedEntries: number;
  readonly leftovers: number;
  /** Blobs taken out of the index, and packs written anew. */
  readonly repaired: number;
}

export interface RebuildRequest {
  /** Hash every blob; those whose bytes are wrong are not taken in. */
  readonly rehash: boolean;
  readonly entity?: string;
}

export interface RebuildResult {
  readonly packs: number;
  readonly blobObjects: number;
  readonly blobs: number;
  /** Objects passed over, at most a few hundred of them named. */
  readonly skipped: readonly { readonly key: string; readonly code: ErrorCode; readonly message: string }[];
  readonly skippedCount: number;
}

export interface ArtifactScope {
  readonly entity: string;
  readonly project?: string;
  readonly after?: number | undefined;
  readonly limit: number;
}

export interface VersionsRequest {
  readonly artifact: ArtifactName;
  /** An index: versions older than it. */
  readonly after?: number | undefined;
  readonly limit: number;
}
