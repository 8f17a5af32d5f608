import type { DigestAlgorithm } from '../digest.ts';
import type { ErrorCode } from '../errors.ts';
import type { BlobRows } from '../pack.ts';
import type { ObjectKey } from '../store-keys.ts';
import type { SegmentFrame } from './manifest-files.ts';
import type { NewNotice, SourceMode } from './records.ts';

/** Names joined by NUL (which no path contains), UTF-8, ascending, no NUL at the end. */
export type EncodedNames = Uint8Array;

/** What is the same for every batch of a shard. */
export interface BatchContext {
  /** Absolute folder the names are relative to. */
  readonly root: string;
  /** Goes before each name to make the entry's path: empty, or ends in `/`. */
  readonly entryPrefix: string;
  readonly mode: SourceMode;
  readonly algorithm: DigestAlgorithm;
  readonly entity: string;
  readonly useStatCache: boolean;
  /** Sequence number of the ingest; cached rows from it are not proof yet. */
  readonly ingestSequence: number;
}

export interface IngestBatchInput extends BatchContext {
  readonly names: EncodedNames;
  /** Stop behind the file that takes the batch past this many source bytes. */
  readonly byteBudget: number;
}

/** One file too large for a pack; it is hashed (and copied) by a task of its own. */
export interface LargeFile {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

export type BatchPart =
  | { readonly kind: 'frame'; readonly frame: SegmentFrame }
  | { readonly kind: 'large'; readonly file: LargeFile };

export interface FileCounts {
  readonly files: number;
  readonly bytes: number;
  readonly filesHashed: number;
  readonly bytesHashed: number;
}

export interface IngestBatchOutput {
  /** How many of the names were handled; fewer than given when the byte budget ran out. */
  readonly consumed: number;
  /** In path order. */
  readonly parts: readonly BatchPart[];
  /** Blobs written into pack regions this task was given. */
  readonly packed: readonly PackedRegion[];
  /** Rows for the stat cache, written once the shard counts; opaque to all but the cache. */
  readonly cacheRows: Uint8Array;
  readonly notices: readonly NewNotice[];
  readonly counts: FileCounts;
}

/** Region of a pack's draft handed to a thread, and what it put there. */
export interface PackRegion {
  readonly packIndex: number;
  readonly draftPath: string;
  readonly offset: number;
}

export interface PackedRegion {
  readonly packIndex: number;
  readonly blobs: BlobRows;
}

/** What a batch asks its shard in mid-task. */
export type BatchQuestion =
  /** Which of these ingests' records prove that a content is stored? */
  | { readonly kind: 'proven'; readonly ingests: readonly number[] }
  /** Which of these digests are stored? (Digests known from the stat cache.) */
  | { readonly kind: 'present'; readonly digests: Uint8Array }
  /** These contents are in memory: which are wanted, and where do they go? Lengths add up to the region's size. */
  | { readonly kind: 'claim'; readonly digests: Uint8Array; readonly lengths: Float64Array };

export type BatchAnswer =
  | { readonly kind: 'proven'; readonly ingests: readonly number[] }
  | { readonly kind: 'present'; readonly present: Uint8Array }
  | { readonly kind: 'claim'; readonly wanted: Uint8Array; readonly region: PackRegion | undefined };

export interface IngestLargeInput extends BatchContext {
  readonly files: readonly (LargeFile & {
    /** Where the content is copied while it is hashed; none for references. */
    readonly draftPath?: string;
    /** One i64 shared with the main thread: how many bytes of the file were read, zero again when it is read anew. */
    readonly counter: SharedArrayBuffer;
  })[];
}

export interface IngestLargeOutput {
  /** One for each file, in order. */
  readonly results: readonly LargeResult[];
}

export type LargeResult =
  | {
      readonly kind: 'hashed';
      readonly digest: Uint8Array;
      readonly sizeBytes: number;
      readonly frame: SegmentFrame;
      readonly cacheRows: Uint8Array;
    }
  | { readonly kind: 'failed'; readonly notice: NewNotice };

/** Files whose contents lie in one stored object; row by row with `names`. */
export interface WriteObject {
  readonly key: ObjectKey;
  /** Entry paths, relative to the target root; in the order of offsets, so not ascending. */
  readonly names: EncodedNames;
  /** Ascending by offset; a range may be asked for several times. */
  readonly blobs: BlobRows;
}

export interface WriteFilesInput {
  /** Absolute target root; exists. */
  readonly root: string;
  readonly algorithm: DigestAlgorithm;
  readonly objects: readonly WriteObject[];
  /** Whether existing files may be there: false for a root that was empty. */
  readonly replace: boolean;
}

export interface WriteFilesOutput {
  readonly written: number;
  readonly bytes: number;
  readonly failures: readonly FileFailure[];
}

/** One file that could not be written; the others were. */
export interface FileFailure {
  readonly path: string;
  /** Never `NO_SPACE`: a full disk fails the whole task. */
  readonly code: ErrorCode;
  readonly message: string;
}

/** Copies local files that references name into a target root, if their content is what the manifest says. */
export interface CopyReferencesInput {
  readonly root: string;
  readonly algorithm: DigestAlgorithm;
  readonly replace: boolean;
  /** Entry paths, relative to the target root, ascending. */
  readonly names: EncodedNames;
  /** The absolute path each is copied from. */
  readonly sources: EncodedNames;
  readonly digests: Uint8Array;
}

/** Reads a local file that a reference names; the bytes travel in questions, so that no more than one chunk waits. */
export interface ReadReferenceInput {
  /** Absolute. */
  readonly path: string;
}

/** Files compared with what a manifest says of them. */
export interface CompareFilesInput {
  readonly root: string;
  readonly algorithm: DigestAlgorithm;
  /** Entry paths, ascending. */
  readonly names: EncodedNames;
  readonly digests: Uint8Array;
  /** NaN where the manifest knows no size. */
  readonly sizes: Float64Array;
}

/**
 * For each item: 0 same, 1 missing, 2 different content, 3 not a regular file, 4 reached through a link,
 * 5 could not be read.
 */
export interface CompareFilesOutput {
  readonly states: Uint8Array;
}

/** Reads a stored object back and hashes every blob of it. */
export interface CheckObjectInput {
  readonly key: ObjectKey;
  readonly algorithm: DigestAlgorithm;
  readonly blobs: BlobRows;
}

export interface CheckObjectOutput {
  /** A byte for each blob: 1 right, 0 wrong or unreadable. */
  readonly right: Uint8Array;
}

/** Rows for the stat cache, as batches answered them. */
interface KeepCacheRowsInput {
  readonly rows: readonly Uint8Array[];
  readonly catalogId: string;
}

interface KeepCacheRowsOutput {
  /** What a person should know: the cache was thrown away, or cannot be written. */
  readonly warnings: readonly string[];
}

/** One subtree (or a piece of one large folder) for the walker; opaque to all but the walker. */
export type WalkInput = Readonly<Record<string, unknown>>;
export type WalkOutput = Readonly<Record<string, unknown>>;

/** Everything threads do. Inputs and outputs are plain data. */
export interface ThreadTasks {
  walk: { input: WalkInput; output: WalkOutput; question: never; answer: never };
  ingestBatch: {
    input: IngestBatchInput;
    output: IngestBatchOutput;
    question: BatchQuestion;
    answer: BatchAnswer;
  };
  keepCacheRows: { input: KeepCacheRowsInput; output: KeepCacheRowsOutput; question: never; answer: never };
  ingestLarge: { input: IngestLargeInput; output: IngestLargeOutput; question: never; answer: never };
  writeFiles: { input: WriteFilesInput; output: WriteFilesOutput; question: never; answer: never };
  compareFiles: { input: CompareFilesInput; output: CompareFilesOutput; question: never; answer: never };
  checkObject: { input: CheckObjectInput; output: CheckObjectOutput; question: never; answer: never };
  copyReferences: { input: CopyReferencesInput; output: WriteFilesOutput; question: never; answer: never };
  readReference: {
    input: ReadReferenceInput;
    output: { readonly bytes: number };
    question: { readonly kind: 'chunk'; readonly bytes: Uint8Array };
    answer: { readonly kind: 'next' };
  };
}

export type ThreadTask = keyof ThreadTasks;

/** Runs tasks in threads, as many at a time as pay off. */
export interface HashPool extends AsyncDisposable {
  /** Threads that may compute at the same time: the CPUs this process may use. */
  readonly cpus: number;
  /** Tasks worth keeping in flight; grows when tasks turn out to wait for the disk. */
  readonly concurrency: number;
  run<T extends ThreadTask>(
    task: T,
    input: ThreadTasks[T]['input'],
    options?: RunOptions<T>,
  ): Promise<ThreadTasks[T]['output']>;
}

export interface RunOptions<T extends ThreadTask> {
  readonly signal?: AbortSignal;
  readonly answer?: (question: ThreadTasks[T]['question']) => Promise<ThreadTasks[T]['answer']>;
}
