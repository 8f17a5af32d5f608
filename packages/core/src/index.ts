export type { DigestAlgorithm, EntryDigest } from './digest.ts';
export {
  DIGEST_BYTES,
  digestFromBase64,
  digestToBase64,
  digestToHex,
  isContentDigest,
  parseDigestAlgorithm,
  REFERENCE_ALGORITHM,
} from './digest.ts';
export { decodeNames, encodeNames } from './encoded-names.ts';
export type { Entry, EntryExtra, SegmentRow, Tombstone } from './entry.ts';
export { isTombstone } from './entry.ts';
export { assertEntryPath, entryPathProblem, normalizeEntryPath, quotePath } from './entry-path.ts';
export type { ArtifactErrorOptions, EncodedError, ErrorCode, ErrorDetails, ErrorOutcome } from './errors.ts';
export {
  ArtifactError,
  decodeError,
  ERROR_CODES,
  encodeError,
  invariant,
  throwIfCancelled,
} from './errors.ts';
export { LIMITS } from './limits.ts';
export { MANIFEST_PREIMAGE_HEADER, manifestPreimageLines } from './manifest-preimage.ts';
export type { JsonValue, Metadata } from './metadata.ts';
export { assertDescription, checkMetadata, parseMetadata } from './metadata.ts';
export type { ArtifactName, NameDefaults, VersionRef } from './names.ts';
export {
  assertAlias,
  assertArtifactType,
  formatArtifactName,
  formatVersionRef,
  parseArtifactName,
  parseVersionRef,
  versionIndexOf,
} from './names.ts';
export { assertKeyPrefix, assertObjectKey, isObjectKey } from './object-key.ts';
export type { BlobRows, Crc32, PackFooter } from './pack.ts';
export {
  decodePackFooter,
  encodePackFooter,
  PACK_ADVICE,
  PACK_ROW_BYTES,
  PACK_TRAILER_BYTES,
  packFooterBytes,
} from './pack.ts';
export type { BlobIndex, BlobLocation, DigestBatch, NewObject, StoredObject } from './ports/blob-index.ts';
export type { BlobStore, ByteRange, CallOptions, ObjectDraft, ObjectInfo } from './ports/blob-store.ts';
export type { Catalog } from './ports/catalog.ts';
export type {
  BlobTotals,
  CollectableObject,
  CollectionCatalog,
  PackUse,
  UnreferencedUse,
} from './ports/collection-catalog.ts';
export type { Digests, IncrementalDigest } from './ports/digests.ts';
export type { Clock, FaultPoints, Random } from './ports/environment.ts';
export type { Globs } from './ports/globs.ts';
export type { IngestCatalog, IngestLocks } from './ports/ingest-catalog.ts';
export type { LocalSource, StatCache, WalkChunk } from './ports/local-source.ts';
export type {
  ExternalSort,
  ManifestEncoding,
  ManifestFiles,
  ManifestReader,
  ManifestTexts,
  ObjectReader,
  SegmentFiles,
  SegmentFrame,
  SegmentMerge,
  SortRecord,
} from './ports/manifest-files.ts';
export type {
  ArtifactRecord,
  CommitRequest,
  CommitResult,
  IngestOptions,
  IngestRecord,
  IngestSource,
  IngestSpec,
  IngestStats,
  ManifestRef,
  NewNotice,
  NewShard,
  NoticeRecord,
  Page,
  SegmentRef,
  ShardRecord,
  ShardResult,
  SourceMode,
  VersionRecord,
} from './ports/records.ts';
export type { CheckoutRecords, TargetTree, TreeEntry } from './ports/target-tree.ts';
export type {
  CachedDigest,
  CacheRow,
  ContentHasher,
  DraftWriter,
  FileStat,
  HashStream,
  SourceFile,
  SourceFiles,
  StatCacheRange,
  StatCacheReader,
  StoredObjectReader,
  TargetFile,
  TargetFiles,
  TargetLookup,
  TargetRoot,
  ThreadStore,
} from './ports/thread-ports.ts';
export type {
  BatchAnswer,
  BatchContext,
  BatchPart,
  BatchQuestion,
  CheckObjectInput,
  CheckObjectOutput,
  CompareFilesInput,
  CompareFilesOutput,
  CopyReferencesInput,
  EncodedNames,
  FileCounts,
  FileFailure,
  HashPool,
  IngestBatchInput,
  IngestBatchOutput,
  IngestLargeInput,
  IngestLargeOutput,
  LargeFile,
  LargeResult,
  PackedRegion,
  PackRegion,
  ReadReferenceInput,
  RunOptions,
  ThreadTask,
  ThreadTasks,
  WalkInput,
  WalkOutput,
  WriteFilesInput,
  WriteFilesOutput,
  WriteObject,
} from './ports/thread-tasks.ts';
export type { VersionCatalog } from './ports/version-catalog.ts';
export type { IngestState, ShardState, VersionState } from './states.ts';
export { mayMoveIngest, OPEN_INGEST_STATES } from './states.ts';
export type { ObjectKey } from './store-keys.ts';
export { parseBlobKey, parseIngestOfKey, storeKeys } from './store-keys.ts';
export { compareBytes, compareUtf8 } from './utf8-order.ts';
export { decodeVersionId, encodeVersionId } from './version-id.ts';
