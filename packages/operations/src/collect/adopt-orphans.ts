import { ArtifactError, type ObjectInfo } from '@waybill/core';
import { isStored, locateEntries } from '../blob-lookup.ts';
import { openManifest, scanVersion } from '../manifest-scan.ts';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import { adoptObject, describeObject, rightBlobs } from './adopt-object.ts';
import { orphans } from './leftovers.ts';
import type { OrphanForecast } from './orphan-forecast.ts';
import { type RetainedScope, retainedVersions } from './retained-versions.ts';

/** Unreadable orphans dealt with in one collection; more wait for the next. */
const UNREADABLE_MAX = 1_000;

/**
 * Takes stored objects that the index does not know into it, so that they are collected like any other, with what is
 * needed of them kept. They come from a removal that a power loss undid, or from an index that was reset and not
 * rebuilt to the end; deleting them unseen would lose what versions need. With a `forecast` nothing is changed but that.
 */
export async function adoptOrphans(
  ports: OperationPorts,
  request: { entity: string; forecast: OrphanForecast | undefined },
  options: OperationOptions,
): Promise<{ adopted: number; unreadable: string[] }> {
  const { entity } = request;
  const unreadable: string[] = [];
  let adopted = 0;
  for await (const orphan of orphans(ports, { entity }, options)) {
    if (await adopt(ports, { ...orphan, entity, forecast: request.forecast }, options)) adopted++;
    else if (unreadable.length < UNREADABLE_MAX) unreadable.push(orphan.key);
  }
  return { adopted, unreadable };
}

/** Whether the object was taken in; it is only when every byte of it is right. */
async function adopt(
  ports: OperationPorts,
  orphan: ObjectInfo & { entity: string; forecast: OrphanForecast | undefined },
  options: OperationOptions,
): Promise<boolean> {
  try {
    const found = await describeObject(ports, orphan, options);
    const right = await rightBlobs(ports, found, options);
    if (right.lengths.length < found.blobs.lengths.length) return false;
    if (orphan.forecast === undefined) await adoptObject(ports, found, options);
    else await orphan.forecast.add(ports, found, options);
    return true;
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    if (error.code === 'CORRUPT') return false;
    // Removed, or taken in by another collection, meanwhile.
    if (error.code === 'MISSING_BLOB' || error.code === 'STATE_CONFLICT' || error.code === 'OBJECT_EXISTS')
      return true;
    throw error;
  }
}

/** Removes orphans that are good for nothing. */
export async function removeOrphans(
  ports: OperationPorts,
  keys: readonly string[],
  options: OperationOptions,
): Promise<void> {
  for (const key of keys) {
    ports.faults.reach('gc.sweep.orphan');
    await ports.store.remove(key, options);
  }
}

/** Whether no retained version misses a content; with `orphans`, once these were taken in. */
export async function everythingIsStored(
  ports: OperationPorts,
  request: { scope: RetainedScope; orphans: OrphanForecast | undefined },
  options: OperationOptions,
): Promise<boolean> {
  const { scope, orphans } = request;
  for await (const version of retainedVersions(ports, scope, options)) {
    const manifest = await openManifest(ports, version, options);
    const isThere = (digest: string) => orphans?.has(version.digestAlgorithm, digest) === true;
    for await (const block of scanVersion(ports, manifest, options)) {
      const entries = block.filter(isStored);
      const located = await locateEntries(ports, { version, entries }, options);
      if (entries.some(({ digest }) => !located.has(digest) && !isThere(digest))) return false;
    }
  }
  return true;
}
