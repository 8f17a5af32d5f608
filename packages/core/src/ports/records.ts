import type { DigestAlgorithm } from '../digest.ts';
import type { EncodedError } from '../errors.ts';
import type { Metadata } from '../metadata.ts';
import type { ArtifactName } from '../names.ts';
import type { IngestState, VersionState } from '../states.ts';
import type { ObjectKey } from '../store-keys.ts';

export interface ArtifactRecord extends ArtifactName {
  readonly artifactId: number;
  readonly type: string;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly versionCount: number;
  /** Index of the version `latest` names. */
  readonly latestIndex: number | undefined;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface VersionRecord extends ArtifactName {
  /** The n of `Artifact:<n>`. */
  readonly versionId: number;
  readonly artifactId: number;
  readonly type: string;
  readonly index: number;
  readonly state: VersionState;
  /** Lower-case hex of the logical digest. */
  readonly digest: string;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly description: string | undefined;
  readonly metadata: Metadata;
  readonly entryCount: number;
  /** Sum of the known sizes. */
  readonly sizeBytes: number;
  /** Aliases people gave, in byte order; `vN` is not among them. */
  readonly aliases: readonly string[];
  readonly manifest: ManifestRef;
  readonly ingestId: string;
  readonly sources: readonly IngestSource[];
  readonly leftOutCount: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface ManifestRef {
  readonly key: ObjectKey;
  readonly sizeBytes: number;
  /** Length and crc32 of the bytes at its end that a point lookup relies on (the Parquet footer). */
  readonly footerBytes: number;
  readonly footerCrc32: number;
}

export type SourceMode = 'store' | 'reference';

/** One argument of an ingest, resolved. */
export interface IngestSource {
  readonly kind: 'directory' | 'file';
  readonly mode: SourceMode;
  /** As it was given. */
  readonly given: string;
  /** Absolute local path, links in its folders resolved. */
  readonly path: string;
  /** Folder of the version it goes into; empty for the top. */
  readonly into: string;
}

export interface IngestOptions {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly followLinks: boolean;
  /** What would be left out fails the ingest instead. */
  readonly strict: boolean;
  readonly useStatCache: boolean;
  /** Which version's equal digest makes a new version unnecessary. */
  readonly reuse: 'latest' | 'any' | 'never';
}

export interface IngestSpec {
  readonly ingestId: string;
  readonly artifact: ArtifactName;
  readonly type: string;
  /** `undefined`: the artifact's own, MD5 for a new one. */
  readonly digestAlgorithm: DigestAlgorithm | undefined;
  readonly aliases: readonly string[];
  readonly description: string | undefined;
  readonly metadata: Metadata | undefined;
  readonly sources: readonly IngestSource[];
  readonly options: IngestOptions;
  /** Equal for two ingests of the same sources, options and target: how `put` finds its own interrupted one. */
  readonly fingerprint: string;
}

export interface IngestRecord extends Omit<IngestSpec, 'digestAlgorithm'> {
  /** Small number of the ingest inside this catalog, in order of creation; kept in the stat cache. */
  readonly sequence: number;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly state: IngestState;
  /** Counts the executions; what an older execution wrote is told apart by it. */
  readonly fence: number;
  readonly stats: IngestStats;
  readonly error: EncodedError | undefined;
  readonly versionId: number | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Sums over the shards that are done. */
export interface IngestStats {
  readonly shards: number;
  readonly shardsDone: number;
  readonly files: number;
  readonly bytes: number;
  readonly filesHashed: number;
  readonly bytesHashed: number;
  readonly blobsStored: number;
  readonly bytesStored: number;
}

/** A slice of a source: names (relative to the source's root, ascending) that lie in a staged list. */
export interface NewShard {
  readonly sourceIndex: number;
  readonly listKey: ObjectKey;
  /** Names of the list to pass over and to take. */
  readonly listSkip: number;
  readonly listCount: number;
  /** Higher layers win in the merge; 1 is the ingest itself, 0 a base version. */
  readonly layer: number;
}

export interface ShardRecord extends NewShard {
  readonly shardId: number;
  readonly ingestId: string;
  readonly attempt: number;
  readonly state: 'PENDING' | 'DONE';
  readonly segment: SegmentRef | undefined;
}

export interface SegmentRef {
  readonly key: ObjectKey;
  readonly layer: number;
  readonly sourceIndex: number;
  readonly entryCount: number;
  readonly sizeBytes: number;
  /** Paths of the first and last entry. A shard without entries has no segment. */
  readonly firstPath: string;
  readonly lastPath: string;
}

export interface ShardResult {
  readonly shardId: number;
  readonly attempt: number;
  readonly segment: SegmentRef | undefined;
  readonly stats: Omit<IngestStats, 'shards' | 'shardsDone'>;
  readonly notices: readonly NewNotice[];
}

/** A path of a source that is not in the version (`left-out`) or that fails the ingest (`failed`). */
export interface NewNotice {
  readonly severity: 'left-out' | 'failed';
  /** `broken-link`, `link-to-ancestor`, `socket`, `unreadable`, ... */
  readonly reason: string;
  readonly path: string;
  readonly message: string;
}

export interface NoticeRecord extends NewNotice {
  readonly noticeId: number;
}

export interface CommitRequest {
  readonly ingestId: string;
  readonly fence: number;
  readonly digest: string;
  readonly entryCount: number;
  readonly sizeBytes: number;
  /**
   * Hex of a digest over which entries are stored and which are references, in path order. The logical digest does
   * not tell: a version of references alone must not stand for one whose contents are stored.
   */
  readonly placement: string;
  /** Absent when the digest was found equal before a manifest was written; then a version must have it. */
  readonly manifest: ManifestRef | undefined;
}

export type CommitResult =
  | { readonly kind: 'committed'; readonly version: VersionRecord; readonly created: boolean }
  /** The ingest is no longer FINALIZING with this fence (cancelled, or somebody else took it up). */
  | { readonly kind: 'lost'; readonly state: IngestState }
  /** No version has the digest (any more) and the request brought no manifest. */
  | { readonly kind: 'manifest-needed' };

export interface Page {
  /** Continue behind this item's cursor field. */
  readonly after?: number | undefined;
  readonly limit: number;
}
