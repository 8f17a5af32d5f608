import { LIMITS, type SegmentFiles } from '@waybill/core';
import { FramePayloadEncoder } from './frame-payload.ts';
import { encodeFrame } from './segment-frame.ts';
import { encodeSegment } from './segment-header.ts';
import { mergeSegments } from './segment-merge.ts';

/** Segments as `docs/formats/segment.md` has them. One for each thread: its buffers are reused. */
export function createSegmentFiles(): SegmentFiles {
  const encoder = new FramePayloadEncoder();
  return {
    encodeFrame: (rows) => encodeFrame(rows, encoder),
    encodeSegment,
    merge: (merge, options) => mergeSegments(merge, { ...options, fanIn: LIMITS.mergeFanIn }),
  };
}
