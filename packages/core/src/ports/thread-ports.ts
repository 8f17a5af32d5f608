import type { DigestAlgorithm } from '../digest.ts';
import type { ObjectKey } from '../store-keys.ts';

/** Hashes content inside one thread, synchronously. The only thing that computes digests there. */
export interface ContentHasher {
  /** Memory for whole small files; what is hashed there is what is stored from there. */
  arena(): Uint8Array;
  /** Digests (16 bytes each) of spans of the arena. The arena's bytes are not changed. */
  hashSpans(
    spans: { offsets: Int32Array; lengths: Int32Array; count: number },
    algorithm: DigestAlgorithm,
  ): Uint8Array;
  /** Hashes streams, many at a time in lanes; one much larger than the rest is best given alone. */
  hashStreams(streams: readonly HashStream[], algorithm: DigestAlgorithm): void;
}

/** One content read in order. An error thrown by a callback ends the whole call. */
export interface HashStream {
  /** Bytes expected; decides how lanes are given out, nothing else. */
  readonly sizeBytes: number;
  /** Fills `target` from its start and answers how many bytes; 0 at the end. */
  read(target: Uint8Array): number;
  /** Called with every chunk read, before it is overwritten. */
  tap?(chunk: Uint8Array): void;
  end(digest: Uint8Array): void;
}

/** What a thread learns of a path, links followed. */
export interface FileStat {
  readonly kind: 'file' | 'folder' | 'other';
  readonly sizeBytes: number;
  /** 32 bytes: inode, size, mtime and ctime in nanoseconds, each u64 little-endian. */
  readonly signature: Uint8Array;
  /** The later of mtime and ctime, milliseconds since 1970. */
  readonly changedAtMs: number;
}

/** Local files as they are read inside a thread. Errors are ArtifactErrors naming the path (`SOURCE_UNREADABLE`, ...). */
export interface SourceFiles {
  /** `undefined` when nothing is there. */
  stat(path: string): FileStat | undefined;
  open(path: string): SourceFile;
}

export interface SourceFile extends Disposable {
  stat(): FileStat;
  /** Reads on from where the last read ended; 0 at the end of the file. */
  read(target: Uint8Array): number;
}

/** Writes into drafts of the store, by position. Durable only when the draft is published. */
export interface DraftWriter {
  /** Writes the chunks one behind the other from `offset` on. */
  write(draftPath: string, offset: number, chunks: readonly Uint8Array[]): void;
}

export interface CachedDigest {
  readonly digest: Uint8Array;
  /** Sequence number of the ingest that recorded it. */
  readonly ingest: number;
}

/** The stat cache as a thread reads it: paths are asked for in ascending byte order. */
export interface StatCacheReader {
  openRange(range: { firstPath: string; lastPath: string; algorithm: DigestAlgorithm }): StatCacheRange;
  /** Encodes rows for `StatCache.keep`. */
  encodeRows(rows: readonly CacheRow[]): Uint8Array;
}

export interface StatCacheRange extends Disposable {
  /** Whether nothing is remembered in the range; asked before any path. */
  readonly isEmpty: boolean;
  /** The digest remembered for the path, if it was recorded under exactly this signature. */
  find(path: string, signature: Uint8Array): CachedDigest | undefined;
}

export interface CacheRow {
  /** Absolute. */
  readonly path: string;
  readonly signature: Uint8Array;
  readonly algorithm: DigestAlgorithm;
  readonly digest: Uint8Array;
  readonly ingest: number;
}

/** Stored objects as a thread reads them. Folder stores answer at once, remote ones later. */
export interface ThreadStore {
  open(key: ObjectKey): StoredObjectReader | Promise<StoredObjectReader>;
}

export interface StoredObjectReader extends Disposable {
  /** Fills `target` from `offset` on, or throws `CORRUPT` (too short) or `IO`. */
  read(target: Uint8Array, offset: number): void | Promise<void>;
}

/** A download root as a thread writes into it. */
export interface TargetFiles {
  openRoot(root: string): TargetRoot;
}

/**
 * Writes below one folder, never through a link and never outside: each folder on the way is checked once and
 * made when it is missing. `TARGET_CONFLICT` for a link, a folder or a special file in the way.
 */
export interface TargetRoot extends Disposable {
  /** Writes a whole small file: straight under its name when nothing is there, else beside it and then in its place. */
  writeFile(path: string, content: readonly Uint8Array[], options: { replace: boolean }): void;
  /** A large file, written beside its name; in its place after `commit`, gone when disposed before. */
  createFile(path: string, options: { replace: boolean }): TargetFile;
  /** Opens a regular file for reading without following any link; `undefined` when nothing is there. */
  openFile(path: string): TargetLookup;
}

export interface TargetFile extends Disposable {
  write(chunk: Uint8Array): void;
  commit(): void;
}

/** `through-link`: a folder on the way is a link. A link at the path's own name is `not-a-file`. */
export type TargetLookup =
  | { readonly kind: 'file'; readonly file: SourceFile }
  | { readonly kind: 'missing' | 'not-a-file' | 'through-link' };
