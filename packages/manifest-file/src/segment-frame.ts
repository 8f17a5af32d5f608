import { crc32 } from 'node:zlib';
import {
  ArtifactError,
  compareUtf8,
  DIGEST_BYTES,
  type Entry,
  invariant,
  isTombstone,
  type SegmentFrame,
  type SegmentRow,
} from '@waybill/core';
import { DIGEST_CHARS, encodeDigest } from './base64-digest.ts';
import { ByteSource } from './byte-sink.ts';
import { readText, readTexts } from './byte-texts.ts';
import { formatProblem } from './corrupt.ts';
import { parseExtra } from './entry-extra.ts';
import { type FramePayloadEncoder, NO_RAW_DIGEST, NO_SIZE, ROW_FLAGS, TEXT_FLAGS } from './frame-payload.ts';
import { findOrder } from './path-order.ts';
import { zstdCompress, zstdDecompress } from './zstd.ts';

/** crc32 of what follows, payload bytes, row count. */
const FRAME_HEADER_BYTES = 12;

/** Uncompressed bytes of one frame: what a reader must be ready to hold. */
const FRAME_PAYLOAD_BYTES_MAX = 67_108_864;

/** A frame as the merge uses it. */
export interface DecodedFrame {
  readonly rows: readonly SegmentRow[];
  /** The rows again, when no tombstone is among them. */
  readonly entries: readonly Entry[] | undefined;
  /** Whether a path begins with the whole path before it. */
  readonly nested: boolean;
}

export function encodeFrame(rows: readonly SegmentRow[], encoder: FramePayloadEncoder): SegmentFrame {
  const [first, last] = [rows[0], rows.at(-1)];
  invariant(first !== undefined && last !== undefined, 'SEG-2', 'a frame of a segment has no rows');
  const payload = encoder.encode(rows);
  if (payload.length > FRAME_PAYLOAD_BYTES_MAX) {
    throw new ArtifactError(
      'LIMIT_EXCEEDED',
      `${rows.length} entries from ${JSON.stringify(first.path)} on take ${payload.length} bytes, more than the ${FRAME_PAYLOAD_BYTES_MAX} of one frame; write fewer at a time`,
    );
  }
  const compressed = zstdCompress(payload);
  // An exact buffer of its own: it is handed to another thread.
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + compressed.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, payload.length, true);
  view.setUint32(8, rows.length, true);
  bytes.set(compressed, FRAME_HEADER_BYTES);
  view.setUint32(0, crc32(bytes.subarray(4)), true);
  return { bytes, entryCount: rows.length, firstPath: first.path, lastPath: last.path };
}

/**
 * @param previousPath the path before the frame's first
 * @throws ArtifactError `CORRUPT`, unnamed, saying what is wrong
 */
export function decodeFrame(frame: Uint8Array, previousPath?: string): DecodedFrame {
  if (frame.length < FRAME_HEADER_BYTES) throw formatProblem('has a frame that is too short');
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== crc32(frame.subarray(4))) {
    throw formatProblem('has a frame whose checksum is wrong');
  }
  const payloadBytes = view.getUint32(4, true);
  const count = view.getUint32(8, true);
  if (payloadBytes > FRAME_PAYLOAD_BYTES_MAX) throw formatProblem('has a frame beyond the size limit');
  const decoded = decodePayload(zstdDecompress(frame.subarray(FRAME_HEADER_BYTES), payloadBytes), count);
  const first = decoded.rows[0];
  if (first === undefined) throw formatProblem('has a frame without rows');
  if (previousPath !== undefined && compareUtf8(previousPath, first.path) >= 0) {
    throw formatProblem('has frames out of order');
  }
  return decoded;
}

function decodePayload(payload: Buffer, count: number): DecodedFrame {
  const source = new ByteSource(payload);
  const flags = payload.subarray(0, count);
  source.skip(count);
  const lengths = new Uint32Array(count);
  let pathBytes = 0;
  for (let index = 0; index < count; index++) {
    const length = source.varint();
    lengths[index] = length;
    pathBytes += length;
  }
  const start = source.skip(pathBytes);
  const order = findOrder(payload, { start, lengths });
  if (order.unordered !== undefined) throw formatProblem(`has paths out of order (row ${order.unordered})`);
  const paths = readTexts({ bytes: payload, start, lengths, count, gap: 0 });
  const digests = readDigests(source, flags);
  const sizes = readSizes(source, flags);
  const columns = { paths, digests, sizes, flags };
  const rows = flags.every((flag) => flag === 0) ? plainRows(columns) : mixedRows(source, columns);
  source.assertEnd();
  return { rows, entries: rows.every(isEntry) ? rows : undefined, nested: order.nested };
}

function isEntry(row: SegmentRow): row is Entry {
  return !isTombstone(row);
}

function readDigests(source: ByteSource, flags: Uint8Array): string[] {
  let count = 0;
  for (const flag of flags) if ((flag & NO_RAW_DIGEST) === 0) count++;
  const from = source.skip(count * DIGEST_BYTES);
  const text = Buffer.allocUnsafe(count * DIGEST_CHARS);
  for (let index = 0; index < count; index++) {
    encodeDigest(source.bytes, from + index * DIGEST_BYTES, text, index * DIGEST_CHARS);
  }
  const lengths = new Uint32Array(count).fill(DIGEST_CHARS);
  return readTexts({ bytes: text, start: 0, lengths, count, gap: 0 });
}

function readSizes(source: ByteSource, flags: Uint8Array): Float64Array {
  const sizes = new Float64Array(flags.length);
  for (let index = 0; index < flags.length; index++) {
    if (((flags[index] ?? 0) & NO_SIZE) === 0) sizes[index] = source.varint();
  }
  return sizes;
}

interface FrameColumns {
  readonly paths: readonly string[];
  /** Of the rows that have a content digest. */
  readonly digests: readonly string[];
  readonly sizes: Float64Array;
  readonly flags: Uint8Array;
}

/** Stored files only, as nearly all frames are. */
function plainRows({ paths, digests, sizes }: FrameColumns): Entry[] {
  const rows = new Array<Entry>(paths.length);
  for (let index = 0; index < paths.length; index++) {
    rows[index] = { path: paths[index] ?? '', digest: digests[index] ?? '', sizeBytes: sizes[index] ?? 0 };
  }
  return rows;
}

function mixedRows(source: ByteSource, columns: FrameColumns): SegmentRow[] {
  const { paths, digests, sizes, flags } = columns;
  let nextDigest = 0;
  return paths.map((path, index) => {
    const flag = flags[index] ?? 0;
    if (flag === ROW_FLAGS.tombstone) return { path, tombstone: true };
    if (flag >= ROW_FLAGS.tombstone) throw formatProblem(`has unknown flags (row ${index})`);
    const sizeBytes = (flag & ROW_FLAGS.unknownSize) === 0 ? (sizes[index] ?? 0) : undefined;
    const isText = (flag & ROW_FLAGS.textDigest) !== 0;
    const digest = isText ? readLengthAndText(source) : (digests[nextDigest++] ?? '');
    const entry = { path, digest, sizeBytes };
    return (flag & TEXT_FLAGS) === 0 ? entry : readOptional(source, entry, flag);
  });
}

function readOptional(source: ByteSource, entry: Entry, flags: number): Entry {
  const ref = (flags & ROW_FLAGS.ref) === 0 ? undefined : readLengthAndText(source);
  const extra = (flags & ROW_FLAGS.extra) === 0 ? undefined : parseExtra(readLengthAndText(source));
  const birthArtifactId = (flags & ROW_FLAGS.birthArtifactId) === 0 ? undefined : readLengthAndText(source);
  const sha256 = (flags & ROW_FLAGS.sha256) === 0 ? undefined : readLengthAndText(source);
  return {
    ...entry,
    ...(ref === undefined ? {} : { ref }),
    ...(extra === undefined ? {} : { extra }),
    ...(birthArtifactId === undefined ? {} : { birthArtifactId }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

function readLengthAndText(source: ByteSource): string {
  const length = source.varint();
  const from = source.skip(length);
  return readText(source.bytes, from, from + length);
}
