import { crc32 } from 'node:zlib';
import { compareUtf8, invariant, type SegmentFrame } from '@waybill/core';
import { ByteSink } from './byte-sink.ts';
import { readText } from './byte-texts.ts';
import { formatProblem } from './corrupt.ts';

const MAGIC = 0x3153_4257; // "WBS1" read as a little-endian u32
const FIXED_BYTES = 32;
const FRAME_ROW_BYTES = 8;
const CRC_BYTES = 4;

/** Bytes at the start of a segment that say how long its header is. */
export const SEGMENT_PREAMBLE_BYTES = 8;

interface SegmentFrameInfo {
  readonly sizeBytes: number;
  readonly entryCount: number;
}

export interface SegmentHeader {
  readonly layer: number;
  readonly sourceIndex: number;
  readonly entryCount: number;
  readonly firstPath: string;
  readonly lastPath: string;
  /** Back to back behind the header. */
  readonly frames: readonly SegmentFrameInfo[];
  readonly headerBytes: number;
}

/** Joins frames into the bytes of a segment. Frames must ascend; anything else is a mistake of the caller. */
export function encodeSegment(segment: {
  layer: number;
  sourceIndex: number;
  frames: readonly SegmentFrame[];
}): Uint8Array[] {
  const { frames } = segment;
  const [first, last] = [frames[0], frames.at(-1)];
  invariant(first !== undefined && last !== undefined, 'SEG-6', 'a segment has no frames');
  assertFramesAscend(frames);
  const sink = new ByteSink();
  const firstPath = Buffer.from(first.firstPath, 'utf8');
  const lastPath = Buffer.from(last.lastPath, 'utf8');
  const headerBytes =
    FIXED_BYTES + firstPath.length + lastPath.length + frames.length * FRAME_ROW_BYTES + CRC_BYTES;
  sink.uint32(MAGIC);
  sink.uint32(headerBytes);
  sink.uint32(segment.layer);
  sink.uint32(segment.sourceIndex);
  const entryCount = frames.reduce((sum, frame) => sum + frame.entryCount, 0);
  sink.uint32(entryCount);
  sink.uint32(frames.length);
  sink.uint32(firstPath.length);
  sink.uint32(lastPath.length);
  sink.bytes(firstPath);
  sink.bytes(lastPath);
  for (const frame of frames) {
    sink.uint32(frame.bytes.length);
    sink.uint32(frame.entryCount);
  }
  sink.uint32(crc32(sink.written));
  return [new Uint8Array(sink.written), ...frames.map((frame) => frame.bytes)];
}

function assertFramesAscend(frames: readonly SegmentFrame[]): void {
  let previous: SegmentFrame | undefined;
  for (const frame of frames) {
    const ascends = previous === undefined || compareUtf8(previous.lastPath, frame.firstPath) < 0;
    invariant(
      ascends,
      'SEG-7',
      `frames of a segment are not in order: ${JSON.stringify(previous?.lastPath)}, then ${JSON.stringify(frame.firstPath)}`,
    );
    previous = frame;
  }
}

/** How long the header is, from the first {@link SEGMENT_PREAMBLE_BYTES} bytes. Throws a format problem. */
export function segmentHeaderBytes(preamble: Buffer, sizeBytes: number): number {
  if (preamble.length < SEGMENT_PREAMBLE_BYTES || preamble.readUInt32LE(0) !== MAGIC) {
    throw formatProblem('does not begin as a segment of version 1');
  }
  const headerBytes = preamble.readUInt32LE(4);
  if (headerBytes < FIXED_BYTES + CRC_BYTES || headerBytes > sizeBytes) {
    throw formatProblem('says its header is longer than it is');
  }
  return headerBytes;
}

/** Reads a whole header. Throws a format problem saying what is wrong. */
export function decodeSegmentHeader(header: Buffer, sizeBytes: number): SegmentHeader {
  const crcAt = header.length - CRC_BYTES;
  if (header.readUInt32LE(crcAt) !== crc32(header.subarray(0, crcAt))) {
    throw formatProblem('has a header whose checksum is wrong');
  }
  const frameCount = header.readUInt32LE(20);
  const firstEnd = FIXED_BYTES + header.readUInt32LE(24);
  const lastEnd = firstEnd + header.readUInt32LE(28);
  if (lastEnd + frameCount * FRAME_ROW_BYTES !== crcAt) throw formatProblem('has a header of a wrong length');
  const frames: SegmentFrameInfo[] = [];
  let end = header.length;
  let entries = 0;
  for (let at = lastEnd; at < crcAt; at += FRAME_ROW_BYTES) {
    const frame = { sizeBytes: header.readUInt32LE(at), entryCount: header.readUInt32LE(at + 4) };
    frames.push(frame);
    end += frame.sizeBytes;
    entries += frame.entryCount;
  }
  const entryCount = header.readUInt32LE(16);
  if (entries !== entryCount) throw formatProblem('counts other entries than its frames do');
  if (end !== sizeBytes) throw formatProblem(`is ${sizeBytes} bytes long instead of ${end}`);
  return {
    layer: header.readUInt32LE(8),
    sourceIndex: header.readUInt32LE(12),
    entryCount,
    firstPath: readText(header, FIXED_BYTES, firstEnd),
    lastPath: readText(header, firstEnd, lastEnd),
    frames,
    headerBytes: header.length,
  };
}
