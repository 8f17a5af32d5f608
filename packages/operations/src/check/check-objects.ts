import {
  ArtifactError,
  type BlobRows,
  type CollectableObject,
  DIGEST_BYTES,
  type DigestAlgorithm,
  digestToBase64,
} from '@waybill/core';
import { chooseRows } from '../collect/adopt-object.ts';
import { readPackFooter } from '../collect/pack-footer.ts';
import { PAGE_ROWS } from '../collect/retained-versions.ts';
import { rewritePack } from '../collect/rewrite-pack.ts';
import { mapOrdered } from '../map-ordered.ts';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import type { StoreFinding } from '../results.ts';
import type { EntityCheck } from './entity-check.ts';

/** Digests of one call of the index. */
const CALL_DIGESTS = 2_000;

type IndexedObject = CollectableObject & {
  readonly kind: 'pack' | 'blob';
  readonly algorithm: DigestAlgorithm;
};

interface ObjectResult {
  readonly object: IndexedObject;
  readonly blobs: number;
  readonly bytes: number;
  /** Blobs the index has here, whose bytes are wrong. */
  readonly wrong: BlobRows;
  readonly findings: readonly StoreFinding[];
}

/** Reads every object of the index back. */
export async function* checkObjects(
  ports: OperationPorts,
  check: EntityCheck,
  options: OperationOptions,
): AsyncGenerator<StoreFinding> {
  const { counts } = check;
  const results = mapOrdered(indexedObjects(ports, check.entity, options), {
    map: (object, signal) => checkOne(ports, { entity: check.entity, object }, { ...options, signal }),
    ahead: () => ports.pool.concurrency,
    signal: options.signal,
  });
  for await (const result of results) {
    const { object, wrong } = result;
    counts.objects++;
    counts.blobs += result.blobs;
    counts.bytes += result.bytes;
    if (result.findings.length > 0) counts.damagedObjects++;
    yield* result.findings;
    for (const digest of digestsOf(wrong)) {
      counts.damagedBlobs++;
      check.damaged.add(object.algorithm, digest);
      yield { kind: 'damaged-blob', key: object.key, digest, algorithm: object.algorithm };
    }
    if (check.repair) counts.repaired += await repair(ports, { check, result }, options);
    const progress = { total: undefined, bytesDone: counts.bytes, bytesTotal: undefined };
    options.onProgress?.({ step: 'read', done: counts.objects, ...progress });
  }
}

async function* indexedObjects(
  ports: OperationPorts,
  entity: string,
  options: OperationOptions,
): AsyncGenerator<IndexedObject> {
  let after: number | undefined;
  for (;;) {
    const page = await ports.catalog.listObjects({ entity, after, limit: PAGE_ROWS }, options);
    yield* page;
    after = page.at(-1)?.objectId;
    if (after === undefined || page.length < PAGE_ROWS) return;
  }
}

async function checkOne(
  ports: OperationPorts,
  task: { entity: string; object: IndexedObject },
  options: OperationOptions,
): Promise<ObjectResult> {
  const { entity, object } = task;
  const { key, algorithm } = object;
  const blobs = await ports.catalog.listObjectBlobs(object.objectId, options);
  const bytes = blobs.lengths.reduce((sum, length) => sum + length, 0);
  const result = { object, blobs: blobs.lengths.length, bytes };
  if (result.blobs === 0) return { ...result, wrong: blobs, findings: [] };
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const { right } = await ports.pool.run('checkObject', { key, algorithm, blobs }, call);
  const suspects = chooseRows(blobs, (row) => right[row] !== 1);
  const wrong = await stillHere(ports, { entity, key, algorithm, suspects }, options);
  const findings = await objectFindings(ports, { object, wrong, suspects }, options);
  return { ...result, wrong, findings };
}

/** Leaves out what gc moved or let go while it was read: it is checked where it lies now. */
async function stillHere(
  ports: OperationPorts,
  asked: { entity: string; key: string; algorithm: DigestAlgorithm; suspects: BlobRows },
  options: OperationOptions,
): Promise<BlobRows> {
  const { entity, key, algorithm, suspects } = asked;
  const here = new Set<number>();
  for (let start = 0; start < suspects.lengths.length; start += CALL_DIGESTS) {
    const digests = suspects.digests.slice(start * DIGEST_BYTES, (start + CALL_DIGESTS) * DIGEST_BYTES);
    const locations = await ports.index.locate({ entity, algorithm, digests }, options);
    for (const [index, location] of locations.entries()) if (location?.key === key) here.add(start + index);
  }
  return chooseRows(suspects, (row) => here.has(row));
}

/** What is wrong with the object as a whole. */
async function objectFindings(
  ports: OperationPorts,
  checked: { object: IndexedObject; wrong: BlobRows; suspects: BlobRows },
  options: OperationOptions,
): Promise<StoreFinding[]> {
  const { object, wrong, suspects } = checked;
  const { key } = object;
  const sizeBytes = await ports.store.sizeOf(key, options);
  if (sizeBytes === undefined || sizeBytes < object.sizeBytes) {
    if (wrong.lengths.length === 0 && suspects.lengths.length > 0) return [];
    const message = sizeBytes === undefined ? 'is gone' : `has ${sizeBytes} of ${object.sizeBytes} bytes`;
    return [{ kind: 'damaged-object', key, message }];
  }
  if (object.kind !== 'pack') return [];
  try {
    await readPackFooter(ports, { key, sizeBytes }, options);
    return [];
  } catch (error) {
    if (!(error instanceof ArtifactError) || error.code !== 'CORRUPT') throw error;
    return [{ kind: 'damaged-footer', key, message: error.message }];
  }
}

/** Answers how many blobs were taken out of the index and packs written anew. */
async function repair(
  ports: OperationPorts,
  damage: { check: EntityCheck; result: ObjectResult },
  options: OperationOptions,
): Promise<number> {
  const { entity, collection } = damage.check;
  const { object, wrong, findings } = damage.result;
  const dropped = await dropWrong(ports, { entity, object, wrong }, options);
  if (!findings.some(({ kind }) => kind === 'damaged-footer')) return dropped;
  const outcome = await rewritePack(ports, { entity, collection, pack: object, always: true }, options);
  return outcome === 'rewritten' ? dropped + 1 : dropped;
}

async function dropWrong(
  ports: OperationPorts,
  damage: { entity: string; object: IndexedObject; wrong: BlobRows },
  options: OperationOptions,
): Promise<number> {
  const { entity, object, wrong } = damage;
  const { algorithm, objectId } = object;
  let dropped = 0;
  for (let start = 0; start < wrong.lengths.length; start += CALL_DIGESTS) {
    const digests = wrong.digests.slice(start * DIGEST_BYTES, (start + CALL_DIGESTS) * DIGEST_BYTES);
    ports.faults.reach('check.drop');
    dropped += await ports.catalog.dropBlobs({ entity, algorithm, digests, objectId }, options);
  }
  return dropped;
}

function* digestsOf(blobs: BlobRows): Generator<string> {
  for (let start = 0; start < blobs.digests.length; start += DIGEST_BYTES) {
    yield digestToBase64(blobs.digests.subarray(start, start + DIGEST_BYTES));
  }
}
