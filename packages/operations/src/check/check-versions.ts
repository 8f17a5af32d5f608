import { ArtifactError, type BlobLocation, type Entry, type VersionRecord } from '@waybill/core';
import { isStored, locateEntries } from '../blob-lookup.ts';
import { isGone, retainedVersions } from '../collect/retained-versions.ts';
import { openManifest, scanVersion } from '../manifest-scan.ts';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import { versionName } from '../resolve-version.ts';
import type { StoreFinding } from '../results.ts';
import type { EntityCheck } from './entity-check.ts';

/** Reads every manifest to its end and asks the index for every content it names. */
export async function* checkVersions(
  ports: OperationPorts,
  check: EntityCheck,
  options: OperationOptions,
): AsyncGenerator<StoreFinding> {
  const { counts } = check;
  for await (const version of retainedVersions(ports, check, options)) {
    counts.versions++;
    try {
      yield* checkVersion(ports, { check, version }, options);
    } catch (error) {
      if (!(error instanceof ArtifactError) || (error.code !== 'CORRUPT' && error.code !== 'MISSING_BLOB'))
        throw error;
      if (await isGone(ports, { version, error }, options)) continue;
      counts.damagedManifests++;
      const { message } = error;
      yield { kind: 'damaged-manifest', key: version.manifest.key, version: versionName(version), message };
    }
    const progress = { total: undefined, bytesDone: counts.bytes, bytesTotal: undefined };
    options.onProgress?.({ step: 'manifest', done: counts.versions, ...progress });
  }
}

async function* checkVersion(
  ports: OperationPorts,
  task: { check: EntityCheck; version: VersionRecord },
  options: OperationOptions,
): AsyncGenerator<StoreFinding> {
  const { check, version } = task;
  const manifest = await openManifest(ports, version, options);
  for await (const block of scanVersion(ports, manifest, options)) {
    const entries = block.filter(isStored);
    const located = await locateEntries(ports, { version, entries }, options);
    check.counts.entries += block.length;
    for (const entry of entries) {
      const reason = check.damaged.has(version.digestAlgorithm, entry.digest)
        ? 'damaged'
        : placementProblem(entry, located.get(entry.digest));
      if (reason === undefined) continue;
      check.counts.damagedEntries++;
      const { path, digest } = entry;
      yield { kind: 'damaged-entry', version: versionName(version), path, digest, reason };
    }
  }
}

function placementProblem(
  entry: Entry,
  location: BlobLocation | undefined,
): 'missing' | 'wrong-size' | undefined {
  if (location === undefined) return 'missing';
  return entry.sizeBytes === undefined || entry.sizeBytes === location.length ? undefined : 'wrong-size';
}
