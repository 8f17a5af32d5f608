import { ArtifactError, DIGEST_BYTES, type VersionRecord } from '@waybill/core';
import { isStored, rawDigests } from '../blob-lookup.ts';
import { openManifest, scanVersion } from '../manifest-scan.ts';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import type { OrphanForecast } from './orphan-forecast.ts';

/** Rows asked of the catalog at a time. */
export const PAGE_ROWS = 500;
/** Digests marked in one transaction. */
const MARK_DIGESTS = 4_000;

export interface RetainedScope {
  readonly entity: string;
  readonly thresholdTick: number;
}

/** Every version whose contents must stay, in pages. */
export async function* retainedVersions(
  ports: Pick<OperationPorts, 'catalog'>,
  scope: RetainedScope,
  options: OperationOptions,
): AsyncGenerator<VersionRecord> {
  let after: number | undefined;
  for (;;) {
    const page = await ports.catalog.listRetainedVersions({ ...scope, after, limit: PAGE_ROWS }, options);
    yield* page;
    after = page.at(-1)?.versionId;
    if (after === undefined || page.length < PAGE_ROWS) return;
  }
}

/**
 * Marks every blob that a retained version refers to; answers how many versions there are. A manifest that cannot be
 * read to its end, with the right digest, ends it: what it needs is not known, so nothing may be collected.
 *
 * @throws ArtifactError `CORRUPT`, `MISSING_BLOB`, naming the version
 */
export async function markRetained(
  ports: OperationPorts,
  scope: RetainedScope & { readonly collection: number; readonly orphans: OrphanForecast | undefined },
  options: OperationOptions,
): Promise<number> {
  let versions = 0;
  for await (const version of retainedVersions(ports, scope, options)) {
    try {
      await markVersion(ports, { ...scope, version }, options);
      versions++;
    } catch (error) {
      if (!(await isGone(ports, { version, error }, options))) throw error;
    }
    options.onProgress?.({
      step: 'mark',
      done: versions,
      total: undefined,
      bytesDone: 0,
      bytesTotal: undefined,
    });
  }
  return versions;
}

async function markVersion(
  ports: OperationPorts,
  scope: {
    entity: string;
    collection: number;
    version: VersionRecord;
    orphans: OrphanForecast | undefined;
  },
  options: OperationOptions,
): Promise<void> {
  const { entity, collection, version, orphans } = scope;
  const algorithm = version.digestAlgorithm;
  const manifest = await openManifest(ports, version, options);
  const mark = async (digests: Uint8Array) => {
    ports.faults.reach('gc.mark');
    orphans?.mark(algorithm, digests);
    await ports.catalog.markReferenced({ entity, collection, algorithm, digests }, options);
  };
  const batch = new Uint8Array(MARK_DIGESTS * DIGEST_BYTES);
  let filled = 0;
  for await (const block of scanVersion(ports, manifest, options)) {
    const digests = rawDigests(version, block.filter(isStored));
    for (let start = 0; start < digests.length; ) {
      const part = digests.subarray(start, start + batch.length - filled);
      batch.set(part, filled);
      filled += part.length;
      start += part.length;
      if (filled < batch.length) continue;
      await mark(batch);
      filled = 0;
    }
  }
  if (filled > 0) await mark(batch.subarray(0, filled));
}

/**
 * Whether the version was deleted and its manifest collected since it was listed: another collection found that no
 * open ingest may rely on it.
 */
export async function isGone(
  ports: OperationPorts,
  failed: { version: VersionRecord; error: unknown },
  options: OperationOptions,
): Promise<boolean> {
  const { version, error } = failed;
  if (!(error instanceof ArtifactError) || error.code !== 'MISSING_BLOB') return false;
  const now = await ports.catalog.getVersion(version.versionId, options);
  return (
    now?.state !== 'COMMITTED' && (await ports.store.sizeOf(version.manifest.key, options)) === undefined
  );
}
