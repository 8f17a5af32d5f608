import { type ArtifactError, type DigestAlgorithm, type HashStream, invariant, LIMITS } from '@waybill/core';
import type { StopSignal, TaskPorts } from './operation-thread-ports.ts';
import { isOfOneFile } from './task-failure.ts';

/** From this size on a content is hashed alone, which is faster than one lane of many. */
const ALONE_BYTES = 67_108_864;
/** Bytes read at once from what answers later. */
const CHUNK_BYTES = 1_048_576;

/** A content too large to be held, hashed as it is read. */
export interface LargeContent {
  readonly sizeBytes: number;
  /** Called when its turn comes. */
  open(): ContentReader;
  /** What opening, reading, taking or finishing threw; the other contents go on. */
  failed(error: ArtifactError): void;
}

export interface ContentReader extends Disposable {
  /** Fills `target` from its start; 0 at the end. */
  read(target: Uint8Array): number | Promise<number>;
  /** Sees every chunk before it is overwritten. */
  take(chunk: Uint8Array): void;
  /** The digest of everything read. */
  finish(digest: Uint8Array): void;
}

/** Hashes contents whose reads answer at once, in lanes. */
export function hashContents(
  ports: Pick<TaskPorts, 'hasher' | 'signal'>,
  contents: readonly LargeContent[],
  algorithm: DigestAlgorithm,
): void {
  const alone = contents.filter(({ sizeBytes }) => sizeBytes >= ALONE_BYTES);
  const together = contents.filter(({ sizeBytes }) => sizeBytes < ALONE_BYTES);
  for (let start = 0; start < together.length; start += LIMITS.hashLanes) {
    hashGroup(ports, together.slice(start, start + LIMITS.hashLanes), algorithm);
  }
  for (const content of alone) hashGroup(ports, [content], algorithm);
}

/** Hashes one content whose reads answer later. */
export async function hashLater(
  ports: Pick<TaskPorts, 'digests' | 'signal'>,
  content: LargeContent,
  algorithm: DigestAlgorithm,
): Promise<void> {
  const digest = ports.digests.createDigest(algorithm);
  const buffer = new Uint8Array(CHUNK_BYTES);
  try {
    using reader = content.open();
    for (;;) {
      ports.signal.throwIfAborted();
      const length = await reader.read(buffer);
      if (length === 0) break;
      const chunk = buffer.subarray(0, length);
      digest.update(chunk);
      reader.take(chunk);
    }
    reader.finish(digest.digest());
  } catch (error) {
    if (!isOfOneFile(error)) throw error;
    content.failed(error);
  }
}

function hashGroup(
  ports: Pick<TaskPorts, 'hasher' | 'signal'>,
  contents: readonly LargeContent[],
  algorithm: DigestAlgorithm,
): void {
  using stack = new DisposableStack();
  const streams = contents.map((content) => stack.use(new GuardedStream(content, ports.signal)));
  const open = streams.filter((stream) => stream.open());
  if (open.length > 0) ports.hasher.hashStreams(open, algorithm);
}

/** An error of one content ends that content, not the whole call. */
class GuardedStream implements HashStream, Disposable {
  readonly #content: LargeContent;
  readonly #signal: StopSignal;
  #reader: ContentReader | undefined;
  #failed = false;

  constructor(content: LargeContent, signal: StopSignal) {
    this.#content = content;
    this.#signal = signal;
  }

  get sizeBytes(): number {
    return this.#content.sizeBytes;
  }

  open(): boolean {
    this.#guard(() => {
      this.#reader = this.#content.open();
    });
    return !this.#failed;
  }

  read(target: Uint8Array): number {
    this.#signal.throwIfAborted();
    let length = 0;
    this.#guard((reader) => {
      const answer = reader?.read(target) ?? 0;
      invariant(typeof answer === 'number', 'large-contents-now', 'a read was to answer at once');
      length = answer;
    });
    return length;
  }

  tap(chunk: Uint8Array): void {
    this.#guard((reader) => reader?.take(chunk));
  }

  end(digest: Uint8Array): void {
    this.#guard((reader) => reader?.finish(digest));
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#reader?.[Symbol.dispose]();
    this.#reader = undefined;
  }

  #guard(call: (reader: ContentReader | undefined) => void): void {
    if (this.#failed) return;
    try {
      call(this.#reader);
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      this.#failed = true;
      this.#content.failed(error);
    }
  }
}
