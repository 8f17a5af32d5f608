import type { ObjectKey } from '../store-keys.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ObjectInfo {
  readonly key: ObjectKey;
  readonly sizeBytes: number;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Bytes under keys: a folder, a bucket. No key is ever written twice. Every call may be cancelled before its
 * first write; after that it finishes or fails. Errors are `ArtifactError`s: `NO_SPACE`, `PERMISSION`, `IO`,
 * `MISSING_BLOB` (no such key), `OBJECT_EXISTS`, `CORRUPT` (shorter than asked for).
 */
export interface BlobStore extends AsyncDisposable {
  /** For messages: `folder /var/lib/waybill/store`. Never a secret. */
  readonly description: string;

  /**
   * Binds the store to a catalog the first time it is used and answers the catalog it is bound to. Two catalogs
   * on one store would collect each other's blobs; the caller refuses when the answer is not its own.
   */
  claim(catalogId: string, options?: CallOptions): Promise<string>;

  /** A new local file that becomes an object once its name is known. Lies in the ingest's staging. */
  createDraft(options: { entity: string; ingestId: string } & CallOptions): Promise<ObjectDraft>;

  /** Writes a whole object; resolves when bytes and name are durable. */
  writeObject(
    key: ObjectKey,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): Promise<void>;

  /** Exactly `length` bytes. */
  readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Uint8Array>;

  /** The bytes of an object (or a range of it) in order, in chunks of at most a few MiB. Not verified: the caller knows the digest. */
  readStream(key: ObjectKey, options?: { range?: ByteRange } & CallOptions): AsyncIterable<Uint8Array>;

  /** Size of an object, `undefined` when there is none. */
  sizeOf(key: ObjectKey, options?: CallOptions): Promise<number | undefined>;

  /** Every object whose key begins with `prefix`, in byte order of keys, streaming. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo>;

  /** Removes an object; no error when there is none. */
  remove(key: ObjectKey, options?: CallOptions): Promise<void>;
}

/**
 * A local file being filled, by any thread, at positions its owner hands out. Disposed without `publish`, it is
 * removed. Left behind by a killed process, it goes with its ingest's staging.
 */
export interface ObjectDraft extends AsyncDisposable {
  /** Absolute path of the local file; exists, empty, writable. */
  readonly path: string;
  /** Begins to make durable what was written so far, beside other work; what goes wrong shows when it is published. */
  flush(): void;
  /** Makes the file's bytes durable as the object `key`. The draft is spent afterwards. */
  publish(key: ObjectKey, options?: CallOptions): Promise<void>;
}
