import type { CallOptions } from './blob-store.ts';
import type { IngestOptions, IngestSource, NewNotice } from './records.ts';
import type { EncodedNames } from './thread-tasks.ts';

/** A piece of a walk. */
export interface WalkChunk {
  /** Regular files, relative to the source's root, ascending in UTF-8 byte order across the whole walk. */
  readonly names: EncodedNames;
  readonly count: number;
  /** What was passed over on the way, and what could not be read. */
  readonly notices: readonly NewNotice[];
}

/** Local directories and files as sources. */
export interface LocalSource {
  /** Resolves one argument of `put`. `SOURCE_NOT_FOUND`, `SOURCE_UNREADABLE`, `INVALID_ARGUMENT`. */
  resolve(
    given: string,
    options: { into: string; workingFolder: string } & CallOptions,
  ): Promise<IngestSource>;
  /** Walks a source in path order with bounded memory, in threads, a little ahead of the consumer. */
  walk(
    source: IngestSource,
    options: Pick<IngestOptions, 'include' | 'exclude' | 'followLinks'> & CallOptions,
  ): AsyncIterable<WalkChunk>;
}

/** Remembers digests of unchanged files, by absolute path. Only ever a shortcut: losing it costs hashing again. */
export interface StatCache extends AsyncDisposable {
  /** Keeps rows that batches returned, from a shard that counts; they may be written later. */
  keep(rows: readonly Uint8Array[], options?: CallOptions): Promise<void>;
  /** Settles when all rows kept so far are written, or given up. Never fails. */
  settle(): Promise<void>;
}
