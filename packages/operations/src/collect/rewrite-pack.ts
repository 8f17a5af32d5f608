import {
  ArtifactError,
  type BlobRows,
  type BlobTotals,
  DIGEST_BYTES,
  digestToBase64,
  encodePackFooter,
  PACK_ROW_BYTES,
  PACK_TRAILER_BYTES,
  type PackUse,
  storeKeys,
} from '@waybill/core';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';

/** Packs with less than this share of needed bytes are rewritten. */
export const SPARSE_BELOW = 0.5;
/** Whether a pack that has become sparse is rewritten into one that is much smaller; `live` lies in it still. */
export function isWorthRewriting(sizeBytes: number, live: BlobTotals): boolean {
  const limit = sizeBytes * SPARSE_BELOW;
  const rewrittenBytes = live.bytes + live.blobs * PACK_ROW_BYTES + PACK_TRAILER_BYTES;
  return live.bytes < limit && rewrittenBytes < limit;
}

/** Bytes read at once; blobs nearer than the gap are read in one go. */
const RUN_BYTES = 4_194_304;
const RUN_GAP_BYTES = 65_536;

export interface RewriteScope {
  readonly entity: string;
  readonly collection: number;
  readonly pack: Omit<PackUse, 'liveBytes'>;
  /** Also when the new pack is hardly smaller. */
  readonly always?: boolean;
}

/**
 * Copies what is needed of a pack into a new one and lets the old one go. Killed anywhere, it leaves an announced
 * object that the next collection gives up.
 *
 * `dense`: the new pack would not be much smaller, since the blobs are hardly larger than their rows in its footer.
 * `damaged`: a needed blob is wrong, so the pack stays as it is. `lost`: another collection did the same meanwhile.
 */
export async function rewritePack(
  ports: OperationPorts,
  scope: RewriteScope,
  options: OperationOptions,
): Promise<'rewritten' | 'dense' | 'damaged' | 'lost'> {
  const { entity, collection, pack } = scope;
  const old = await ports.catalog.listObjectBlobs(pack.objectId, options);
  if (old.lengths.length === 0) return 'lost';
  const key = storeKeys.pack(entity, ports.random.uniqueName());
  const { algorithm } = pack;
  const blobs: BlobRows = { ...old, offsets: packedOffsets(old.lengths) };
  const blobBytes = old.lengths.reduce((sum, length) => sum + length, 0);
  const footer = encodePackFooter({ algorithm, blobs, blobBytes }, (bytes) => ports.digests.crc32(bytes));
  const sizeBytes = blobBytes + footer.length;
  if (scope.always !== true && sizeBytes >= pack.sizeBytes * SPARSE_BELOW) return 'dense';
  ports.faults.reach('gc.rewrite.announce');
  const objectId = await ports.catalog.announceRewrite({ entity, key, collection }, options);
  try {
    ports.faults.reach('gc.rewrite.write');
    await ports.store.writeObject(
      key,
      withFooter(verifiedBlobs(ports, { pack, blobs: old }, options), footer),
      options,
    );
    ports.faults.reach('gc.rewrite.move');
    const move = { fromObjectId: pack.objectId, toObjectId: objectId, algorithm, sizeBytes, blobs };
    await ports.catalog.moveBlobs(move, options);
    return 'rewritten';
  } catch (error) {
    const outcome = outcomeOf(error);
    if (outcome === undefined) throw error;
    // The catalog does not count on it, so it may go whatever became of it.
    ports.faults.reach('gc.rewrite.undo');
    await ports.store.remove(key, options);
    await ports.index.forgetObject(objectId, options);
    return outcome;
  }
}

function outcomeOf(error: unknown): 'damaged' | 'lost' | undefined {
  if (!(error instanceof ArtifactError)) return undefined;
  if (error.code === 'CORRUPT' || error.code === 'MISSING_BLOB') return 'damaged';
  return error.code === 'STATE_CONFLICT' ? 'lost' : undefined;
}

function packedOffsets(lengths: Float64Array): Float64Array {
  let offset = 0;
  return lengths.map((length) => {
    const start = offset;
    offset += length;
    return start;
  });
}

async function* withFooter(
  chunks: AsyncIterable<Uint8Array>,
  footer: Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  yield footer;
}

/** The blobs' bytes one behind the other, each verified before it leaves. */
async function* verifiedBlobs(
  ports: OperationPorts,
  from: { pack: RewriteScope['pack']; blobs: BlobRows },
  options: OperationOptions,
): AsyncGenerator<Uint8Array> {
  const { pack, blobs } = from;
  const { offsets, lengths } = blobs;
  for (let row = 0; row < lengths.length; ) {
    const first = offsets[row] ?? 0;
    const { end, endOffset } = endOfRun(blobs, row);
    const range = { offset: first, length: endOffset - first };
    const run = range.length === 0 ? new Uint8Array() : await ports.store.readRange(pack.key, range, options);
    for (; row < end; row++) {
      const start = (offsets[row] ?? 0) - first;
      const content = run.subarray(start, start + (lengths[row] ?? 0));
      verifyBlob(ports, {
        pack,
        content,
        digest: blobs.digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES),
      });
      if (content.length > 0) yield content;
    }
  }
}

/** The row behind the run that begins with `start`, and the position behind the run's last byte. */
function endOfRun({ offsets, lengths }: BlobRows, start: number): { end: number; endOffset: number } {
  const first = offsets[start] ?? 0;
  let endOffset = first + (lengths[start] ?? 0);
  let end = start + 1;
  for (; end < lengths.length; end++) {
    const offset = offsets[end] ?? 0;
    const rowEnd = offset + (lengths[end] ?? 0);
    if (offset - endOffset > RUN_GAP_BYTES || rowEnd - first > RUN_BYTES) break;
    // An empty blob lies where its neighbour begins, and may come behind it.
    endOffset = Math.max(endOffset, rowEnd);
  }
  return { end, endOffset };
}

function verifyBlob(
  ports: Pick<OperationPorts, 'digests'>,
  blob: { pack: RewriteScope['pack']; content: Uint8Array; digest: Uint8Array },
): void {
  const digest = ports.digests.createDigest(blob.pack.algorithm);
  digest.update(blob.content);
  const found = digestToBase64(digest.digest());
  const expected = digestToBase64(blob.digest);
  if (found === expected) return;
  throw new ArtifactError(
    'CORRUPT',
    `pack ${blob.pack.key} holds a damaged blob: expected digest ${expected}, found ${found}; run \`waybill store check --repair\`, then put its files again`,
    { details: { subject: blob.pack.key } },
  );
}
