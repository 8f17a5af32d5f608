import { ArtifactError, type ObjectInfo } from '@waybill/core';
import { isStored, locateEntries } from '../blob-lookup.ts';
import { openManifest, scanVersion } from '../manifest-scan.ts';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import { adoptObject, describeObject, rightBlobs } from './adopt-object.ts';
import { orphans } from './leftovers.ts';
import { type RetainedScope, retainedVersions } from './retained-versions.ts';

/** Unreadable orphans dealt with in one collection; more wait for the next. */
const UNREADABLE_MAX = 1_000;

/**
 * Takes stored objects that the index does not know into it, so that they are collected like any other, with what is
 * needed of them kept. They come from a removal that a power loss undid, or from an index that was reset and not
 * rebuilt to the end; deleting them unseen would lose what versions need.
 */
export async function adoptOrphans(
  ports: OperationPorts,
  request: { entity: string; dryRun: boolean },
  options: OperationOptions,
): Promise<{ adopted: number; unreadable: string[] }> {
  const { entity } = request;
  const unreadable: string[] = [];
  let adopted = 0;
  for await (const orphan of orphans(ports, { entity }, options)) {
    if (request.dryRun || (await adopt(ports, { ...orphan, entity }, options))) adopted++;
    else if (unreadable.length < UNREADABLE_MAX) unreadable.push(orphan.key);
  }
  return { adopted, unreadable };
}

/** Whether the object was taken in; it is only when every byte of it is right. */
async function adopt(
  ports: OperationPorts,
  orphan: ObjectInfo & { entity: string },
  options: OperationOptions,
): Promise<boolean> {
  try {
    const found = await describeObject(ports, orphan, options);
    const right = await rightBlobs(ports, found, options);
    if (right.lengths.length < found.blobs.lengths.length) return false;
    await adoptObject(ports, found, options);
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

/**
 * Removes unreadable orphans once it is certain that no version misses anything that could be salvaged from them.
 * Answers how many were removed.
 */
export async function removeUnreadable(
  ports: OperationPorts,
  request: { scope: RetainedScope; keys: readonly string[] },
  options: OperationOptions,
): Promise<number> {
  const { scope, keys } = request;
  if (keys.length === 0 || !(await everythingIsStored(ports, scope, options))) return 0;
  for (const key of keys) {
    ports.faults.reach('gc.sweep.orphan');
    await ports.store.remove(key, options);
  }
  return keys.length;
}

async function everythingIsStored(
  ports: OperationPorts,
  scope: RetainedScope,
  options: OperationOptions,
): Promise<boolean> {
  for await (const version of retainedVersions(ports, scope, options)) {
    const manifest = await openManifest(ports, version, options);
    for await (const block of scanVersion(ports, manifest, options)) {
      const entries = block.filter(isStored);
      const located = await locateEntries(ports, { version, entries }, options);
      if (entries.some(({ digest }) => !located.has(digest))) return false;
    }
  }
  return true;
}
