import {
  ArtifactError,
  type BlobRows,
  DIGEST_BYTES,
  type DigestAlgorithm,
  type ObjectInfo,
  parseBlobKey,
  storeKeys,
} from '@waybill/core';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import { readPackFooter } from './pack-footer.ts';

/** A stored object as it describes itself: a pack by its footer, a blob by its key and size. */
export interface FoundObject extends ObjectInfo {
  readonly entity: string;
  readonly kind: 'pack' | 'blob';
  readonly algorithm: DigestAlgorithm;
  readonly blobs: BlobRows;
}

/** @throws ArtifactError `CORRUPT`, `MISSING_BLOB`, `IO` */
export async function describeObject(
  ports: Pick<OperationPorts, 'store' | 'digests'>,
  object: ObjectInfo & { readonly entity: string },
  options: OperationOptions,
): Promise<FoundObject> {
  if (object.key.startsWith(storeKeys.packs(object.entity))) {
    const { algorithm, blobs } = await readPackFooter(ports, object, options);
    return { ...object, kind: 'pack', algorithm, blobs };
  }
  const named = parseBlobKey(object.key);
  if (named === undefined) {
    throw new ArtifactError(
      'CORRUPT',
      `${object.key} is not the name of a stored object; move it out of the store`,
      { details: { subject: object.key } },
    );
  }
  const blobs = {
    digests: Uint8Array.fromHex(named.hex),
    offsets: Float64Array.of(0),
    lengths: Float64Array.of(object.sizeBytes),
  };
  return { ...object, kind: 'blob', algorithm: named.algorithm, blobs };
}

/** Hashes every blob of the object; answers those whose bytes are right. */
export async function rightBlobs(
  ports: Pick<OperationPorts, 'pool'>,
  object: FoundObject,
  options: OperationOptions,
): Promise<BlobRows> {
  const { key, algorithm, blobs } = object;
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const { right } = await ports.pool.run('checkObject', { key, algorithm, blobs }, call);
  return chooseRows(blobs, (row) => right[row] === 1);
}

/**
 * Adds the object to the index; a blob the index has elsewhere stays there. Answers how many blobs it holds, 0 when it
 * is gone.
 */
export async function adoptObject(
  ports: Pick<OperationPorts, 'catalog' | 'store' | 'faults'>,
  object: FoundObject,
  options: OperationOptions,
): Promise<number> {
  const { entity, key, kind, algorithm, sizeBytes, blobs } = object;
  ports.faults.reach('index.adopt');
  const found = { entity, key, kind, algorithm, sizeBytes, blobs };
  const objectId = await ports.catalog.adoptObject(found, options);
  // A collection that knew the object longer may have removed its bytes since they were read.
  if ((await ports.store.sizeOf(key, options)) === sizeBytes) return blobs.lengths.length;
  // Only its own: what lies elsewhere is as right as before.
  await ports.catalog.dropBlobs({ entity, algorithm, digests: blobs.digests, objectId }, options);
  return 0;
}

export function chooseRows(blobs: BlobRows, chosen: (row: number) => boolean): BlobRows {
  const rows = blobs.lengths.keys().filter(chosen).toArray();
  if (rows.length === blobs.lengths.length) return blobs;
  const digests = new Uint8Array(rows.length * DIGEST_BYTES);
  for (const [index, row] of rows.entries()) {
    digests.set(blobs.digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES), index * DIGEST_BYTES);
  }
  return {
    digests,
    offsets: Float64Array.from(rows, (row) => blobs.offsets[row] ?? 0),
    lengths: Float64Array.from(rows, (row) => blobs.lengths[row] ?? 0),
  };
}
