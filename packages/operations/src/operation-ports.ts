import type {
  BlobIndex,
  BlobStore,
  Catalog,
  CheckoutRecords,
  Clock,
  Digests,
  ExternalSort,
  FaultPoints,
  Globs,
  HashPool,
  IngestLocks,
  ManifestFiles,
  ManifestTexts,
  Random,
  TargetTree,
} from '@waybill/core';

/** Everything the use cases need from outside. */
export interface OperationPorts {
  readonly catalog: Catalog;
  readonly index: BlobIndex;
  readonly store: BlobStore;
  readonly manifests: ManifestFiles;
  readonly texts: ManifestTexts;
  readonly sort: ExternalSort;
  readonly pool: HashPool;
  readonly targets: TargetTree;
  readonly checkouts: CheckoutRecords;
  /** Real paths of the folders that hold catalog and store. Nothing is ever downloaded over them. */
  readonly ownFolders: readonly string[];
  /** Beside those of ingests, the one of maintenance. */
  readonly locks: IngestLocks;
  readonly globs: Globs;
  readonly digests: Digests;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints;
  /** A local folder for intermediate files; what is put there is removed again. */
  readonly scratchFolder: string;
}

/** How far a long operation is. Totals are known from the start, or `undefined`. */
export interface OperationProgress {
  /** What is being done: `write`, `compare`, `remove`, `read`, `mark`, ... */
  readonly step: string;
  readonly done: number;
  readonly total: number | undefined;
  readonly bytesDone: number;
  readonly bytesTotal: number | undefined;
}

/** Last parameter of every use case. */
export interface OperationOptions {
  readonly signal?: AbortSignal;
  /** Called once for each batch, never for each file. */
  readonly onProgress?: (progress: OperationProgress) => void;
}
