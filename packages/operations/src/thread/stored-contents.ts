import {
  ArtifactError,
  type BlobRows,
  type DigestAlgorithm,
  LIMITS,
  type ObjectKey,
  type StoredObjectReader,
} from '@waybill/core';
import { type ContentReader, hashContents, hashLater, type LargeContent } from './large-contents.ts';
import type { TaskPorts } from './operation-thread-ports.ts';
import { SpanBatch } from './span-batch.ts';
import { digestAt, isOfOneFile, sameDigest, wrongDigest } from './task-failure.ts';

/** Bytes read at once from an object; blobs nearer than the gap are read in one go. */
const RUN_BYTES = 2_097_152;
const RUN_GAP_BYTES = 65_536;

/** One blob asked for: `tag` is the asker's. */
export interface WantedBlobs<Tag> {
  readonly key: ObjectKey;
  readonly blobs: BlobRows;
  tagOf(row: number): Tag;
}

/** What became of a blob. */
export interface BlobVisitor<Tag> {
  /** A small blob whose bytes are right; they are only valid during the call. */
  small(tag: Tag, content: Uint8Array): void;
  /** Takes the chunks of a large blob; `commit` is called when they turned out right, disposed in any case. */
  large(tag: Tag): LargeBlobSink;
  /** A blob that is not there, cannot be read, or is wrong; or the visitor's own error for it. */
  failed(tag: Tag, error: ArtifactError): void;
}

interface LargeBlobSink extends Disposable {
  write(chunk: Uint8Array): void;
  commit(): void;
}

interface SmallBlob<Tag> {
  readonly tag: Tag;
  readonly key: ObjectKey;
  readonly expected: Uint8Array;
}

interface Opened {
  readonly reader: StoredObjectReader;
  /** Whether reads answer at once. */
  readonly immediate: boolean;
}

/**
 * Reads blobs of stored objects, each object forwards, verifies them and hands them to a visitor. Small neighbours are
 * read together and hashed in lanes; large ones are streamed.
 */
export class StoredContents<Tag> {
  readonly #ports: TaskPorts;
  readonly #algorithm: DigestAlgorithm;
  readonly #visitor: BlobVisitor<Tag>;
  readonly #batch: SpanBatch<SmallBlob<Tag>>;

  constructor(ports: TaskPorts, algorithm: DigestAlgorithm, visitor: BlobVisitor<Tag>) {
    this.#ports = ports;
    this.#algorithm = algorithm;
    this.#visitor = visitor;
    this.#batch = new SpanBatch(ports.hasher, algorithm, (blob, content, digest) =>
      this.#visitSmall(blob, content, digest),
    );
  }

  async visit(objects: readonly WantedBlobs<Tag>[]): Promise<void> {
    const large: { object: WantedBlobs<Tag>; row: number }[] = [];
    for (const object of objects) {
      const rows = object.blobs.lengths.keys().toArray();
      const isLarge = (row: number) => (object.blobs.lengths[row] ?? 0) >= this.#largeBytes;
      large.push(...rows.filter(isLarge).map((row) => ({ object, row })));
      await this.#readSmall(
        object,
        rows.filter((row) => !isLarge(row)),
      );
    }
    this.#batch.flush();
    await this.#streamLarge(large);
  }

  get #largeBytes(): number {
    return Math.min(LIMITS.largeFileBytes, this.#ports.hasher.arena().length);
  }

  async #readSmall(object: WantedBlobs<Tag>, rows: readonly number[]): Promise<void> {
    if (rows.length === 0) return;
    try {
      using reader = (await this.#open(object.key)).reader;
      let start = 0;
      while (start < rows.length) {
        this.#ports.signal.throwIfAborted();
        const end = this.#endOfRun(object.blobs, rows, start);
        await this.#readRun(object, rows.slice(start, end), reader);
        start = end;
      }
    } catch (error) {
      // Only opening fails here: what fails for a run is the run's own.
      if (!isOfOneFile(error)) throw error;
      for (const row of rows) this.#visitor.failed(object.tagOf(row), error);
    }
  }

  /** Index behind the last row that is read together with the one at `start`. */
  #endOfRun(blobs: BlobRows, rows: readonly number[], start: number): number {
    const first = blobs.offsets[rows[start] ?? 0] ?? 0;
    const runBytes = Math.min(RUN_BYTES, this.#ports.hasher.arena().length);
    let runEnd = first + (blobs.lengths[rows[start] ?? 0] ?? 0);
    let end = start + 1;
    for (; end < rows.length && end - start < LIMITS.batchEntries; end++) {
      const row = rows[end] ?? 0;
      const offset = blobs.offsets[row] ?? 0;
      const rowEnd = offset + (blobs.lengths[row] ?? 0);
      if (offset - runEnd > RUN_GAP_BYTES || rowEnd - first > runBytes) break;
      runEnd = Math.max(runEnd, rowEnd);
    }
    return end;
  }

  async #readRun(
    object: WantedBlobs<Tag>,
    rows: readonly number[],
    reader: StoredObjectReader,
  ): Promise<void> {
    const { offsets, lengths } = object.blobs;
    const first = offsets[rows[0] ?? 0] ?? 0;
    if (this.#batch.spansLeft < rows.length) this.#batch.flush();
    const { base, target } = this.#batch.reserve(endOf(object.blobs, rows) - first);
    const problem = await this.#readInto(reader, target, first);
    if (problem !== undefined) {
      await this.#readSingly(object, { rows, problem }, reader);
      return;
    }
    for (const row of rows) {
      const blob = { tag: object.tagOf(row), key: object.key, expected: digestAt(object.blobs.digests, row) };
      this.#batch.add(blob, { offset: base + (offsets[row] ?? 0) - first, length: lengths[row] ?? 0 });
    }
  }

  /** After a run could not be read: which of its blobs can be? */
  async #readSingly(
    object: WantedBlobs<Tag>,
    failed: { rows: readonly number[]; problem: ArtifactError },
    reader: StoredObjectReader,
  ): Promise<void> {
    const [row, ...others] = failed.rows;
    if (row !== undefined && others.length === 0) this.#visitor.failed(object.tagOf(row), failed.problem);
    else for (const single of failed.rows) await this.#readRun(object, [single], reader);
  }

  /** Answers the problem of what was to be read, if it is one of that alone. */
  async #readInto(
    reader: StoredObjectReader,
    target: Uint8Array,
    offset: number,
  ): Promise<ArtifactError | undefined> {
    try {
      if (target.length > 0) await reader.read(target, offset);
      return undefined;
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      return error;
    }
  }

  #visitSmall(blob: SmallBlob<Tag>, content: Uint8Array, digest: Uint8Array): void {
    if (!sameDigest(digest, blob.expected)) {
      this.#visitor.failed(blob.tag, corrupt(blob.key, blob.expected, digest));
      return;
    }
    try {
      this.#visitor.small(blob.tag, content);
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      this.#visitor.failed(blob.tag, error);
    }
  }

  async #streamLarge(large: readonly { object: WantedBlobs<Tag>; row: number }[]): Promise<void> {
    using stack = new DisposableStack();
    const now: LargeContent[] = [];
    for (const { object, row } of large) {
      const tag = object.tagOf(row);
      try {
        const opened = await this.#open(object.key);
        const content = new LargeBlob({
          object,
          row,
          tag,
          visitor: this.#visitor,
          reader: stack.use(opened.reader),
        });
        if (opened.immediate) now.push(content);
        else await hashLater(this.#ports, content, this.#algorithm);
      } catch (error) {
        if (!isOfOneFile(error)) throw error;
        this.#visitor.failed(tag, error);
      }
    }
    hashContents(this.#ports, now, this.#algorithm);
  }

  async #open(key: ObjectKey): Promise<Opened> {
    const opening = this.#ports.store.open(key);
    return opening instanceof Promise
      ? { reader: await opening, immediate: false }
      : { reader: opening, immediate: true };
  }
}

/** Position behind the last byte of these rows. */
function endOf({ offsets, lengths }: BlobRows, rows: readonly number[]): number {
  return rows.reduce((end, row) => Math.max(end, (offsets[row] ?? 0) + (lengths[row] ?? 0)), 0);
}

/** A large blob whose turn comes. */
interface LargeRow<Tag> {
  readonly object: WantedBlobs<Tag>;
  readonly row: number;
  readonly tag: Tag;
  readonly visitor: BlobVisitor<Tag>;
  readonly reader: StoredObjectReader;
}

class LargeBlob<Tag> implements LargeContent {
  readonly #blob: LargeRow<Tag>;

  constructor(blob: LargeRow<Tag>) {
    this.#blob = blob;
  }

  get sizeBytes(): number {
    return this.#blob.object.blobs.lengths[this.#blob.row] ?? 0;
  }

  open(): ContentReader {
    return new LargeBlobReader(this.#blob);
  }

  failed(error: ArtifactError): void {
    this.#blob.visitor.failed(this.#blob.tag, error);
  }
}

/** Streams a blob into the visitor's sink. */
class LargeBlobReader<Tag> implements ContentReader {
  readonly #blob: LargeRow<Tag>;
  readonly #sink: LargeBlobSink;
  readonly #end: number;
  #position: number;

  constructor(blob: LargeRow<Tag>) {
    const { offsets, lengths } = blob.object.blobs;
    this.#blob = blob;
    this.#position = offsets[blob.row] ?? 0;
    this.#end = this.#position + (lengths[blob.row] ?? 0);
    this.#sink = blob.visitor.large(blob.tag);
  }

  read(target: Uint8Array): number | Promise<number> {
    const wanted = target.subarray(0, Math.min(target.length, this.#end - this.#position));
    if (wanted.length === 0) return 0;
    const reading = this.#blob.reader.read(wanted, this.#position);
    this.#position += wanted.length;
    return reading === undefined ? wanted.length : reading.then(() => wanted.length);
  }

  take(chunk: Uint8Array): void {
    this.#sink.write(chunk);
  }

  finish(digest: Uint8Array): void {
    const { object, row } = this.#blob;
    const expected = digestAt(object.blobs.digests, row);
    if (!sameDigest(digest, expected)) throw corrupt(object.key, expected, digest);
    this.#sink.commit();
  }

  [Symbol.dispose](): void {
    this.#sink[Symbol.dispose]();
  }
}

function corrupt(key: ObjectKey, expected: Uint8Array, found: Uint8Array): ArtifactError {
  return new ArtifactError(
    'CORRUPT',
    `${key} is damaged: ${wrongDigest(expected, found)}; run \`waybill store check\``,
    { details: { subject: key } },
  );
}
