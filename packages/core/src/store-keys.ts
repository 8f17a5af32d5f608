import type { DigestAlgorithm } from './digest.ts';

/** Key of an object in a store: parts of `[A-Za-z0-9_.-]`, joined by `/`, no part `.` or `..`. */
export type ObjectKey = string;

/** Every key of the store is made here. The layout is described in `docs/formats/store.md`. */
export const storeKeys = {
  entity: (entity: string): ObjectKey => `${entity}/`,
  blobs: (entity: string): ObjectKey => `${entity}/blobs/`,
  packs: (entity: string): ObjectKey => `${entity}/packs/`,
  manifests: (entity: string): ObjectKey => `${entity}/manifests/`,
  stagings: (entity: string): ObjectKey => `${entity}/staging/`,
  /** A blob large enough for an object of its own. Keys are never reused, hence `unique`. */
  blob: (entity: string, blob: { algorithm: DigestAlgorithm; hex: string; unique: string }): ObjectKey =>
    `${entity}/blobs/${blob.algorithm.toLowerCase()}/${blob.hex.slice(0, 2)}/${blob.hex}-${blob.unique}`,
  pack: (entity: string, unique: string): ObjectKey => `${entity}/packs/${unique}`,
  manifest: (entity: string, manifest: { ingestId: string; fence: number }): ObjectKey =>
    `${entity}/manifests/${manifest.ingestId}-${manifest.fence}`,
  staging: (entity: string, ingestId: string): ObjectKey => `${entity}/staging/${ingestId}/`,
  list: (entity: string, list: { ingestId: string; unique: string }): ObjectKey =>
    `${entity}/staging/${list.ingestId}/list-${list.unique}`,
  /** Unique besides its attempt: a power loss may make the catalog forget an attempt whose segment is durable. */
  segment: (
    entity: string,
    segment: { ingestId: string; shardId: number; attempt: number; unique: string },
  ): ObjectKey =>
    `${entity}/staging/${segment.ingestId}/segment-${segment.shardId}-${segment.attempt}-${segment.unique}`,
} as const;

/** What a blob's key says, for rebuilding the index from names alone; `undefined` for any other key. */
export function parseBlobKey(key: ObjectKey): { algorithm: DigestAlgorithm; hex: string } | undefined {
  const match = /\/blobs\/(md5|xxh128)\/([0-9a-f]{2})\/([0-9a-f]{32})-[A-Za-z0-9]+$/.exec(key);
  const [, algorithm, prefix, hex] = match ?? [];
  if (algorithm === undefined || hex === undefined || prefix !== hex.slice(0, 2)) return undefined;
  return { algorithm: algorithm === 'md5' ? 'MD5' : 'XXH128', hex };
}

/** The ingest that wrote a manifest or a staged object, read from its key. */
export function parseIngestOfKey(key: ObjectKey): string | undefined {
  return /\/manifests\/([a-z0-9]+)-\d+$/.exec(key)?.[1] ?? /\/staging\/([a-z0-9]+)\//.exec(key)?.[1];
}
