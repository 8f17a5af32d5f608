import { type BlobRows, DIGEST_BYTES } from '@waybill/core';

/** Some of the rows, without copying them. */
export function sliceBlobs(blobs: BlobRows, start: number, end: number): BlobRows {
  return {
    digests: blobs.digests.subarray(start * DIGEST_BYTES, end * DIGEST_BYTES),
    offsets: blobs.offsets.subarray(start, end),
    lengths: blobs.lengths.subarray(start, end),
  };
}

/** The rows by ascending offset; themselves when they are in that order already. */
export function sortBlobs(blobs: BlobRows): BlobRows {
  const { digests, offsets, lengths } = blobs;
  const isSorted = offsets.every((offset, row) => row === 0 || offset >= (offsets[row - 1] ?? 0));
  if (isSorted) return blobs;
  const order = Uint32Array.from(offsets.keys()).sort((a, b) => (offsets[a] ?? 0) - (offsets[b] ?? 0));
  const sorted = {
    digests: new Uint8Array(digests.length),
    offsets: Float64Array.from(order, (row) => offsets[row] ?? 0),
    lengths: Float64Array.from(order, (row) => lengths[row] ?? 0),
  };
  for (const [to, from] of order.entries()) {
    sorted.digests.set(digests.subarray(from * DIGEST_BYTES, (from + 1) * DIGEST_BYTES), to * DIGEST_BYTES);
  }
  return sorted;
}
