import { DIGEST_BYTES, type DigestAlgorithm } from './digest.ts';
import { ArtifactError } from './errors.ts';

/**
 * A pack is blobs back to back, then a footer that lists them (`docs/formats/pack.md`):
 *
 * ```
 * blob bytes ... | rows: digest 16, offset u64 LE, length u32 LE | trailer
 * trailer (24 bytes): row count u32 LE, algorithm u32 LE, blob bytes u64 LE, crc32 of rows and these 16 bytes u32 LE, "WBP1"
 * ```
 */
export const PACK_ROW_BYTES = 28;
export const PACK_TRAILER_BYTES = 24;
/** What to do about a pack whose list of blobs is damaged; ends a message. */
export const PACK_ADVICE =
  '`waybill store check --repair` writes it anew while the index knows its blobs; if it does not, put their files again';
const MAGIC = 0x3150_4257; // "WBP1" read as a little-endian u32
const ALGORITHM_CODES = { MD5: 1, XXH128: 2 } as const;

/** Blobs of one object, as parallel arrays: cheap to send between threads. */
export interface BlobRows {
  /** 16 bytes for each blob. */
  readonly digests: Uint8Array;
  readonly offsets: Float64Array;
  readonly lengths: Float64Array;
}

export interface PackFooter {
  readonly algorithm: DigestAlgorithm;
  readonly blobs: BlobRows;
  /** Bytes of the pack before the footer. */
  readonly blobBytes: number;
}

/** `crc32` is a port, as every checksum is. */
export type Crc32 = (bytes: Uint8Array) => number;

export function encodePackFooter(footer: PackFooter, crc32: Crc32): Uint8Array {
  const { digests, offsets, lengths } = footer.blobs;
  const count = offsets.length;
  const bytes = new Uint8Array(count * PACK_ROW_BYTES + PACK_TRAILER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < count; row++) {
    const at = row * PACK_ROW_BYTES;
    bytes.set(digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES), at);
    view.setBigUint64(at + 16, BigInt(offsets[row] ?? 0), true);
    view.setUint32(at + 24, lengths[row] ?? 0, true);
  }
  const trailer = count * PACK_ROW_BYTES;
  view.setUint32(trailer, count, true);
  view.setUint32(trailer + 4, ALGORITHM_CODES[footer.algorithm], true);
  view.setBigUint64(trailer + 8, BigInt(footer.blobBytes), true);
  view.setUint32(trailer + 16, crc32(bytes.subarray(0, trailer + 16)), true);
  view.setUint32(trailer + 20, MAGIC, true);
  return bytes;
}

/** How many bytes at the end of a pack are footer, from its last {@link PACK_TRAILER_BYTES} bytes. */
export function packFooterBytes(trailer: Uint8Array, key: string): number {
  const view = new DataView(trailer.buffer, trailer.byteOffset, trailer.byteLength);
  if (trailer.byteLength !== PACK_TRAILER_BYTES || view.getUint32(20, true) !== MAGIC) {
    throw corrupt(key, 'does not end in a pack trailer');
  }
  return view.getUint32(0, true) * PACK_ROW_BYTES + PACK_TRAILER_BYTES;
}

/**
 * @param footer the last {@link packFooterBytes} bytes of the pack
 * @throws ArtifactError `CORRUPT` naming the pack
 */
export function decodePackFooter(footer: Uint8Array, options: { key: string; crc32: Crc32 }): PackFooter {
  const { key, crc32 } = options;
  const view = new DataView(footer.buffer, footer.byteOffset, footer.byteLength);
  const trailer = footer.byteLength - PACK_TRAILER_BYTES;
  const expected = packFooterBytes(footer.subarray(Math.max(0, trailer)), key);
  if (expected !== footer.byteLength) throw corrupt(key, 'has a footer of another length than it says');
  if (view.getUint32(trailer + 16, true) !== crc32(footer.subarray(0, trailer + 16))) {
    throw corrupt(key, 'has a footer whose checksum is wrong');
  }
  const algorithm = view.getUint32(trailer + 4, true) === ALGORITHM_CODES.MD5 ? 'MD5' : 'XXH128';
  const blobBytes = Number(view.getBigUint64(trailer + 8, true));
  return {
    algorithm,
    blobBytes,
    blobs: decodeRows(view, { footer, count: trailer / PACK_ROW_BYTES, blobBytes, key }),
  };
}

function decodeRows(
  view: DataView,
  from: { footer: Uint8Array; count: number; blobBytes: number; key: string },
): BlobRows {
  const digests = new Uint8Array(from.count * DIGEST_BYTES);
  const offsets = new Float64Array(from.count);
  const lengths = new Float64Array(from.count);
  for (let row = 0; row < from.count; row++) {
    const at = row * PACK_ROW_BYTES;
    digests.set(from.footer.subarray(at, at + DIGEST_BYTES), row * DIGEST_BYTES);
    const offset = Number(view.getBigUint64(at + 16, true));
    const length = view.getUint32(at + 24, true);
    if (offset + length > from.blobBytes) throw corrupt(from.key, `lists a blob beyond its end (row ${row})`);
    offsets[row] = offset;
    lengths[row] = length;
  }
  return { digests, offsets, lengths };
}

function corrupt(key: string, problem: string): ArtifactError {
  return new ArtifactError('CORRUPT', `pack ${key} ${problem}; ${PACK_ADVICE}`, {
    details: { subject: key },
  });
}
