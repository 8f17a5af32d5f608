import type {
  BlobIndex,
  BlobStore,
  Clock,
  Digests,
  DraftWriter,
  FaultPoints,
  Globs,
  HashPool,
  IngestCatalog,
  IngestLocks,
  LocalSource,
  ManifestFiles,
  Random,
  SegmentFiles,
  StatCache,
  VersionCatalog,
} from '@waybill/core';

/** What the stages need of the outside, in the main thread. */
export interface PipelinePorts {
  readonly catalog: IngestCatalog & VersionCatalog;
  readonly index: BlobIndex;
  readonly store: BlobStore;
  readonly drafts: DraftWriter;
  readonly segments: SegmentFiles;
  readonly manifests: ManifestFiles;
  readonly pool: HashPool;
  readonly source: LocalSource;
  readonly statCache: StatCache | undefined;
  readonly locks: IngestLocks;
  readonly globs: Globs;
  readonly digests: Digests;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  /** Local folder for intermediate files of this process. */
  readonly scratchFolder: string;
}
