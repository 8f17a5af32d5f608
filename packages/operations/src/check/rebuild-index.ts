import { ArtifactError, type ObjectInfo, storeKeys } from '@waybill/core';
import { adoptObject, describeObject, rightBlobs } from '../collect/adopt-object.ts';
import { holdMaintenance } from '../maintenance-lock.ts';
import { mapOrdered } from '../map-ordered.ts';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import type { RebuildRequest, RebuildResult } from '../results.ts';

/** Objects passed over that are named in the result. */
const SKIPPED_NAMED = 300;

type Skipped = RebuildResult['skipped'][number];

interface Counts {
  packs: number;
  blobObjects: number;
  blobs: number;
  skippedCount: number;
  readonly skipped: Skipped[];
}

type Adopted =
  | { readonly kind: 'pack' | 'blob'; readonly blobs: number; readonly skipped?: Skipped }
  | { readonly kind: 'skipped'; readonly skipped: Skipped };

/**
 * Makes the blob index anew from what the store holds: packs by their footers, large blobs by their names. What cannot
 * be read is passed over and named. Until it is finished versions may seem to miss contents; when it is killed, it is
 * run again, or a collection takes in what it has not reached.
 *
 * @throws ArtifactError `BUSY`, `IO`, `PERMISSION`
 */
export async function rebuildIndex(
  ports: OperationPorts,
  request: RebuildRequest,
  options: OperationOptions = {},
): Promise<RebuildResult> {
  await using _ = await holdMaintenance(ports);
  const entities =
    request.entity === undefined ? await ports.catalog.listEntities(options) : [request.entity];
  const counts: Counts = { packs: 0, blobObjects: 0, blobs: 0, skippedCount: 0, skipped: [] };
  for (const entity of entities) await rebuildEntity(ports, { ...request, entity, counts }, options);
  return counts;
}

async function rebuildEntity(
  ports: OperationPorts,
  task: { entity: string; rehash: boolean; counts: Counts },
  options: OperationOptions,
): Promise<void> {
  const { entity, rehash, counts } = task;
  ports.faults.reach('index.reset');
  await ports.catalog.resetIndex(entity, options);
  const results = mapOrdered(storedObjects(ports, entity, options), {
    map: (object, signal) => adopt(ports, { object, entity, rehash }, { ...options, signal }),
    ahead: () => ports.pool.concurrency,
    signal: options.signal,
  });
  for await (const result of results) {
    count(counts, result);
    const done = counts.packs + counts.blobObjects;
    options.onProgress?.({ step: 'read', done, total: undefined, bytesDone: 0, bytesTotal: undefined });
  }
}

function count(counts: Counts, result: Adopted): void {
  if (result.kind === 'pack') counts.packs++;
  if (result.kind === 'blob') counts.blobObjects++;
  if (result.kind !== 'skipped') counts.blobs += result.blobs;
  if (result.skipped !== undefined && ++counts.skippedCount <= SKIPPED_NAMED)
    counts.skipped.push(result.skipped);
}

async function* storedObjects(
  ports: OperationPorts,
  entity: string,
  options: OperationOptions,
): AsyncGenerator<ObjectInfo> {
  yield* ports.store.list(storeKeys.packs(entity), options);
  yield* ports.store.list(storeKeys.blobs(entity), options);
}

async function adopt(
  ports: OperationPorts,
  task: { object: ObjectInfo; entity: string; rehash: boolean },
  options: OperationOptions,
): Promise<Adopted> {
  const { object, entity } = task;
  try {
    const found = await describeObject(ports, { ...object, entity }, options);
    const blobs = task.rehash ? await rightBlobs(ports, found, options) : found.blobs;
    const wrong = found.blobs.lengths.length - blobs.lengths.length;
    const adopted = await adoptObject(ports, { ...found, blobs }, options);
    if (wrong === 0) return { kind: found.kind, blobs: adopted };
    return { kind: found.kind, blobs: adopted, skipped: wrongBlobs(object.key, wrong) };
  } catch (error) {
    if (!(error instanceof ArtifactError) || (error.code !== 'CORRUPT' && error.code !== 'MISSING_BLOB'))
      throw error;
    return { kind: 'skipped', skipped: { key: object.key, code: error.code, message: error.message } };
  }
}

function wrongBlobs(key: string, count: number): Skipped {
  return { key, code: 'CORRUPT', message: `${count} of its blobs are damaged and were passed over` };
}
