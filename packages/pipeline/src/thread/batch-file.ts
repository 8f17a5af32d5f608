import {
  type ArtifactError,
  type BatchContext,
  type CachedDigest,
  type CacheRow,
  digestToBase64,
  type Entry,
  type FileStat,
  type NewNotice,
  quotePath,
  REFERENCE_ALGORITHM,
} from '@waybill/core';

/** Both times of a file must be this much older than its reading before its digest is remembered for it. */
const SETTLED_AFTER_MS = 2_000;

/** One name of a batch on its way to an entry. */
export interface BatchFile {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  stat: FileStat;
  /** When the file was last looked at, before it was read. */
  statAtMs: number;
  cached: CachedDigest | undefined;
  digest: Uint8Array | undefined;
  /** Whether the digest was computed from the content now. */
  hashed: boolean;
  /** Whether the cache's row is to be written anew. */
  remember: boolean;
  failed: boolean;
  large: boolean;
}

/** A file just looked at: whatever comes of it is still open. */
export function batchFile(file: Pick<BatchFile, 'name' | 'path' | 'stat' | 'statAtMs'>): BatchFile {
  const open = { cached: undefined, digest: undefined, hashed: false, remember: false };
  return { ...file, ...open, failed: false, large: false };
}

export function joinPath(root: string, name: string): string {
  return root.endsWith('/') ? root + name : `${root}/${name}`;
}

/** The context with the algorithm of its files' digests: that of references is the same in every artifact. */
export function withFileAlgorithm<Context extends BatchContext>(context: Context): Context {
  return context.mode === 'reference' ? { ...context, algorithm: REFERENCE_ALGORITHM } : context;
}

export function entryOf(context: BatchContext, file: BatchFile, digest: Uint8Array): Entry {
  const base = {
    path: context.entryPrefix + file.name,
    digest: digestToBase64(digest),
    sizeBytes: file.stat.sizeBytes,
  };
  const ref = context.mode === 'reference' ? { ref: fileUrl(file.path) } : {};
  // W&B marks digests of the second algorithm on stored files; MD5 entries, references all of them, carry no mark.
  const extra = context.algorithm === 'XXH128' ? { extra: { alg: 'XXH128' } } : {};
  return { ...base, ...ref, ...extra };
}

/** A `file://` URL that leads back to exactly this path, with as little escaped as that takes. */
function fileUrl(path: string): string {
  return `file://${path.replaceAll(/[%?#\\\s\p{Cc}]/gu, (character) => encodeURIComponent(character))}`;
}

/** The stat cache's row for the file, or nothing when it changed too recently to be recognised when unchanged. */
export function cacheRowOf(context: BatchContext, file: BatchFile): CacheRow | undefined {
  if (!file.remember || file.digest === undefined) return undefined;
  if (file.stat.changedAtMs + SETTLED_AFTER_MS > file.statAtMs) return undefined;
  return {
    path: file.path,
    signature: file.stat.signature,
    algorithm: context.algorithm,
    digest: file.digest,
    // What a reference ingest saw is stored nowhere, so it can prove nothing.
    ingest: context.mode === 'store' ? context.ingestSequence : 0,
  };
}

function failedNotice(path: string, reason: string, message: string): NewNotice {
  return { severity: 'failed', reason, path, message };
}

export function vanished(path: string): NewNotice {
  return failedNotice(
    path,
    'vanished',
    `${quotePath(path)} vanished while it was ingested; put it back or run the command again`,
  );
}

export function notRegular(path: string): NewNotice {
  return failedNotice(
    path,
    'changed',
    `${quotePath(path)} is no longer a regular file; put it back or exclude it, then run the command again`,
  );
}

export function changed(path: string): NewNotice {
  return failedNotice(
    path,
    'changed',
    `${quotePath(path)} kept changing while it was read; stop what writes it and run the command again`,
  );
}

export function unreadable(path: string, error: ArtifactError): NewNotice {
  return failedNotice(path, error.code === 'SOURCE_CHANGED' ? 'vanished' : 'unreadable', error.message);
}
