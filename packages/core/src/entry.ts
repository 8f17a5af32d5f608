import type { EntryDigest } from './digest.ts';

/** JSON kept beside a reference (`etag`, `versionID`, ...). Outside the logical digest. */
export type EntryExtra = Readonly<Record<string, unknown>>;

/** One path of a manifest. Without `ref` its bytes are a stored blob; with `ref` they stay where they are. */
export interface Entry {
  readonly path: string;
  readonly digest: EntryDigest;
  /** Unknown for some references. */
  readonly sizeBytes: number | undefined;
  readonly ref?: string;
  readonly extra?: EntryExtra;
  /** Id of the version that first stored the object; absent means the version the manifest belongs to. */
  readonly birthArtifactId?: string;
  /** Base64 of an optional SHA-256 of the content. */
  readonly sha256?: string;
}

/** A row of a segment: an entry, or the removal of one from a lower layer. */
export type SegmentRow = Entry | Tombstone;

export interface Tombstone {
  readonly path: string;
  readonly tombstone: true;
}

export function isTombstone(row: SegmentRow): row is Tombstone {
  return 'tombstone' in row;
}
