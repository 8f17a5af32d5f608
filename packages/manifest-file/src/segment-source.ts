import {
  type ArtifactError,
  type CallOptions,
  type ObjectReader,
  type SegmentRef,
  throwIfCancelled,
} from '@waybill/core';
import { corrupt, decodeAs, segmentSubject } from './corrupt.ts';
import { type DecodedFrame, decodeFrame } from './segment-frame.ts';
import {
  decodeSegmentHeader,
  SEGMENT_PREAMBLE_BYTES,
  type SegmentHeader,
  segmentHeaderBytes,
} from './segment-header.ts';

/** Read at once from one segment, unless one frame is larger. */
const WINDOW_BYTES = 524_288;

/** A decoded frame, and which source each of its rows comes from: all from one, or each from its own. */
export interface SourcedFrame extends DecodedFrame {
  readonly sources: number | Uint32Array;
}

/** Frames in path order: a segment, or a run of several. */
export interface FrameSource {
  next(): Promise<SourcedFrame | undefined>;
}

/** Reads a segment frame by frame; holds one window of its bytes. */
export class SegmentSource implements FrameSource {
  readonly #reader: ObjectReader;
  readonly #options: CallOptions;
  readonly #header: SegmentHeader;
  #window: Buffer;
  /** Where the window begins in the segment. */
  #windowOffset: number;
  #nextFrame = 0;
  #nextOffset: number;
  #lastPath: string | undefined;

  private constructor(
    opened: { reader: ObjectReader; header: SegmentHeader; start: Buffer },
    options: CallOptions,
  ) {
    this.#reader = opened.reader;
    this.#header = opened.header;
    this.#window = opened.start;
    this.#windowOffset = 0;
    this.#nextOffset = opened.header.headerBytes;
    this.#options = options;
  }

  /** Reads the header, and frames with it as far as the window goes. */
  static async open(ref: SegmentRef, reader: ObjectReader, options: CallOptions): Promise<SegmentSource> {
    throwIfCancelled(options.signal);
    const { sizeBytes } = reader;
    if (sizeBytes !== ref.sizeBytes) {
      throw corrupt(segmentSubject(reader.name), `is ${sizeBytes} bytes long instead of ${ref.sizeBytes}`);
    }
    let start = asBuffer(
      await reader.readRange({ offset: 0, length: Math.min(sizeBytes, WINDOW_BYTES) }, options),
    );
    const headerBytes = decodeAs(segmentSubject(reader.name), () =>
      segmentHeaderBytes(start.subarray(0, SEGMENT_PREAMBLE_BYTES), sizeBytes),
    );
    if (headerBytes > start.length) {
      start = asBuffer(await reader.readRange({ offset: 0, length: headerBytes }, options));
    }
    const header = decodeAs(segmentSubject(reader.name), () =>
      decodeSegmentHeader(start.subarray(0, headerBytes), sizeBytes),
    );
    assertSame(reader, header, ref);
    return new SegmentSource({ reader, header, start }, options);
  }

  async next(): Promise<SourcedFrame | undefined> {
    const info = this.#header.frames[this.#nextFrame];
    if (info === undefined) {
      if (this.#lastPath !== this.#header.lastPath) throw this.#corrupt('ends before its last path');
      return undefined;
    }
    const bytes = await this.#read(info.sizeBytes);
    const frame = decodeAs(segmentSubject(this.#reader.name), () => decodeFrame(bytes, this.#lastPath));
    if (frame.rows.length !== info.entryCount)
      throw this.#corrupt('has a frame of another length than it says');
    if (this.#nextFrame === 0 && frame.rows[0]?.path !== this.#header.firstPath) {
      throw this.#corrupt('begins with another path than it says');
    }
    this.#nextFrame += 1;
    this.#nextOffset += info.sizeBytes;
    this.#lastPath = frame.rows.at(-1)?.path;
    return { ...frame, sources: this.#header.sourceIndex };
  }

  async #read(length: number): Promise<Buffer> {
    const from = this.#nextOffset - this.#windowOffset;
    if (from + length <= this.#window.length) return this.#window.subarray(from, from + length);
    throwIfCancelled(this.#options.signal);
    const offset = this.#nextOffset;
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.#reader.sizeBytes - offset);
    this.#window = asBuffer(await this.#reader.readRange({ offset, length: wanted }, this.#options));
    this.#windowOffset = offset;
    if (this.#window.length < length) throw this.#corrupt('is shorter than it says');
    return this.#window.subarray(0, length);
  }

  #corrupt(problem: string): ArtifactError {
    return corrupt(segmentSubject(this.#reader.name), problem);
  }
}

function assertSame(reader: ObjectReader, header: SegmentHeader, ref: SegmentRef): void {
  for (const field of ['layer', 'sourceIndex', 'entryCount', 'firstPath', 'lastPath'] as const) {
    if (header[field] === ref[field]) continue;
    const [has, expected] = [JSON.stringify(header[field]), JSON.stringify(ref[field])];
    throw corrupt(segmentSubject(reader.name), `has ${field} ${has} where ${expected} is on record`);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
