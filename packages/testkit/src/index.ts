export { type BlobStoreSubject, blobStoreConformance } from './blob-store-conformance.ts';
export { describeCatalog } from './catalog/catalog-conformance.ts';
export type { TestedCatalog } from './catalog/catalog-fixture.ts';
export { ManualClock } from './catalog/catalog-fixture.ts';
export type { PostgresServer, ServerSkipped } from './postgres-server.ts';
export { startPostgres } from './postgres-server.ts';
export { PowerLossDisk, type PowerLossFile, type PowerLossFolders } from './power-loss-disk.ts';
export type { CliCall, CliResult, RunningCli } from './run-cli.ts';
export { cliCommand, runCli, startCli } from './run-cli.ts';
