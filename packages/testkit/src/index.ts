export { type BlobStoreSubject, blobStoreConformance } from './blob-store-conformance.ts';
export { PowerLossDisk, type PowerLossFile, type PowerLossFolders } from './power-loss-disk.ts';
export type { CliCall, CliResult, RunningCli } from './run-cli.ts';
export { runCli, startCli } from './run-cli.ts';
