import type { DigestAlgorithm } from '../digest.ts';
import type { Entry, SegmentRow } from '../entry.ts';
import type { ByteRange, CallOptions } from './blob-store.ts';
import type { ManifestRef, SegmentRef } from './records.ts';

/** Some rows of a segment, encoded: checksummed, decodable alone. */
export interface SegmentFrame {
  readonly bytes: Uint8Array;
  readonly entryCount: number;
  readonly firstPath: string;
  readonly lastPath: string;
}

/** Reads ranges of one stored object. */
export interface ObjectReader {
  readonly sizeBytes: number;
  /** For messages. */
  readonly name: string;
  readRange(range: ByteRange, options?: CallOptions): Promise<Uint8Array>;
}

/** Segments: what shards write and the finalizer merges (`docs/formats/segment.md`). */
export interface SegmentFiles {
  /** Encodes rows that ascend strictly by path in UTF-8 byte order. */
  encodeFrame(rows: readonly SegmentRow[]): SegmentFrame;
  /** Joins frames, whose ranges must ascend, into the bytes of a segment. */
  encodeSegment(segment: {
    layer: number;
    sourceIndex: number;
    frames: readonly SegmentFrame[];
  }): Uint8Array[];
  /**
   * Merges segments into blocks of entries in path order, each path once: a higher layer wins, tombstones remove.
   * `segments` come ordered by layer, then first path. Few are open at a time; more than the fan-in are merged in
   * passes through `scratch`. Errors: `PATH_CONFLICT` naming both sources (`sourceNames[sourceIndex]`) for one
   * path with two digests in a layer, or for a stored file that is also a folder; `CORRUPT` naming the segment.
   */
  merge(merge: SegmentMerge, options?: CallOptions): AsyncIterable<readonly Entry[]>;
}

export interface SegmentMerge {
  readonly segments: AsyncIterable<SegmentRef>;
  readonly sourceNames: readonly string[];
  openSegment(segment: SegmentRef): ObjectReader;
  /** A local folder for intermediate runs; the merge removes what it puts there. */
  readonly scratchFolder: string;
}

/** Manifests: Parquet, a row for each entry (`docs/formats/manifest.md`). */
export interface ManifestFiles {
  /** Streams a manifest: pulls blocks in path order, yields bytes; `finish` tells what to record of it. */
  encodeManifest(blocks: AsyncIterable<readonly Entry[]>, options?: CallOptions): ManifestEncoding;
  openManifest(reader: ObjectReader, ref: ManifestRef, options?: CallOptions): Promise<ManifestReader>;
}

export interface ManifestEncoding {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** After `chunks` ended: size, footer length and checksum. */
  finish(): Omit<ManifestRef, 'key'>;
}

/** Reads one manifest, only the row groups a question needs. `CORRUPT` names the manifest. */
export interface ManifestReader {
  readonly entryCount: number;
  /** The entry at exactly this path. */
  lookup(path: string, options?: CallOptions): Promise<Entry | undefined>;
  /** Entries in path order, in blocks; from `from` on (inclusive), as long as they begin with `prefix`. */
  scan(range?: { from?: string; prefix?: string }, options?: CallOptions): AsyncIterable<readonly Entry[]>;
}

/** One record of an external sort; `key` decides, in UTF-8 byte order; records with equal keys keep no order. */
export interface SortRecord {
  readonly key: string;
  readonly value: string;
}

/** Sorting with bounded memory, through runs in a scratch folder. */
export interface ExternalSort {
  sort(
    records: AsyncIterable<readonly SortRecord[]>,
    options: { scratchFolder: string } & CallOptions,
  ): AsyncIterable<readonly SortRecord[]>;
}

/** Manifests as text, streaming: at the edges only. */
export interface ManifestTexts {
  /** W&B manifest version 1. `versionId` stands in for entries without `birthArtifactId`. */
  encodeWandbJson(
    blocks: AsyncIterable<readonly Entry[]>,
    options: { versionId: string; digestAlgorithm: DigestAlgorithm } & CallOptions,
  ): AsyncIterable<Uint8Array>;
  /** Entries of a W&B manifest version 1, in the file's order, each path checked. `CORRUPT` names line or key. */
  decodeWandbJson(chunks: AsyncIterable<Uint8Array>, options?: CallOptions): AsyncIterable<readonly Entry[]>;
  /** One JSON object a line, keys as the columns of the Parquet manifest. */
  encodeNdjson(blocks: AsyncIterable<readonly Entry[]>, options?: CallOptions): AsyncIterable<Uint8Array>;
}
