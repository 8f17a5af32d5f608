export { catEntry } from './cat-entry.ts';
export { checkStore } from './check/check-store.ts';
export { rebuildIndex } from './check/rebuild-index.ts';
export { checkoutVersion } from './checkout-version.ts';
export { collectGarbage } from './collect/collect-garbage.ts';
export { diffVersions } from './diff-versions.ts';
export { addAliases, deleteVersion, editVersion, removeAliases } from './edit-version.ts';
export { exportManifest } from './export-manifest.ts';
export { getVersion } from './get-version.ts';
export { listEntries } from './list-entries.ts';
export { listArtifacts, listVersions, showVersion } from './list-versions.ts';
export type { OperationOptions, OperationPorts, OperationProgress } from './operation-ports.ts';
export { resolveVersion } from './resolve-version.ts';
export type {
  ArtifactScope,
  CatResult,
  CheckoutRequest,
  CheckoutResult,
  CheckRequest,
  CheckResult,
  CollectReport,
  CollectRequest,
  DifferenceTotals,
  DiffRequest,
  DiffResult,
  EditRequest,
  EntryDifference,
  GetRequest,
  GetResult,
  ListEntriesRequest,
  ListEntriesResult,
  ListedEntry,
  ManifestFormat,
  Paged,
  RebuildRequest,
  RebuildResult,
  ShowResult,
  StoreFinding,
  TreeDifference,
  VerifyRequest,
  VerifyResult,
  VersionsRequest,
} from './results.ts';
export type { OperationTaskName, OperationTasks, TaskContext } from './thread/operation-tasks.ts';
export { createOperationTasks } from './thread/operation-tasks.ts';
export type { OperationThreadPorts } from './thread/operation-thread-ports.ts';
export { verifyVersion } from './verify-version.ts';
