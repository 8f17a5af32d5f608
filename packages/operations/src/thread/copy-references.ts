import {
  ArtifactError,
  type CopyReferencesInput,
  decodeNames,
  type FileFailure,
  LIMITS,
  type SourceFile,
  type TargetRoot,
  type WriteFilesOutput,
} from '@waybill/core';
import { type ContentReader, hashContents, type LargeContent } from './large-contents.ts';
import { openReference } from './open-reference.ts';
import type { TaskPorts } from './operation-thread-ports.ts';
import { SpanBatch } from './span-batch.ts';
import { digestAt, failureOf, isOfOneFile, sameDigest, wrongDigest } from './task-failure.ts';

/** Copies what references name, if it still is what the manifest says; what is not, is not copied. */
export function copyReferences(ports: TaskPorts, input: CopyReferencesInput): WriteFilesOutput {
  using root = ports.targets.openRoot(input.root);
  return new ReferenceCopy(ports, input, root).run();
}

class ReferenceCopy {
  readonly #ports: TaskPorts;
  readonly #input: CopyReferencesInput;
  readonly #root: TargetRoot;
  readonly #names: readonly string[];
  readonly #sources: readonly string[];
  readonly #large: LargeContent[] = [];
  readonly #failures: FileFailure[] = [];
  readonly #batch: SpanBatch<number>;
  #written = 0;
  #bytes = 0;

  constructor(ports: TaskPorts, input: CopyReferencesInput, root: TargetRoot) {
    this.#ports = ports;
    this.#input = input;
    this.#root = root;
    this.#names = decodeNames(input.names);
    this.#sources = decodeNames(input.sources);
    this.#batch = new SpanBatch(ports.hasher, input.algorithm, (item, content, digest) =>
      this.#guard(item, () => this.#writeSmall(item, content, digest)),
    );
  }

  run(): WriteFilesOutput {
    for (const item of this.#names.keys()) {
      this.#ports.signal.throwIfAborted();
      this.#guard(item, () => this.#read(item));
    }
    this.#batch.flush();
    hashContents(this.#ports, this.#large, this.#input.algorithm);
    return { written: this.#written, bytes: this.#bytes, failures: this.#failures };
  }

  #read(item: number): void {
    using file = this.#open(item);
    const { kind, sizeBytes } = file.stat();
    if (kind !== 'file') throw this.#changed(item, 'it is not a regular file any more');
    if (sizeBytes >= Math.min(LIMITS.largeFileBytes, this.#ports.hasher.arena().length)) {
      const failed = (error: ArtifactError) => void this.#failures.push(failureOf(this.#name(item), error));
      this.#large.push({ sizeBytes, open: () => this.#openLarge(item), failed });
      return;
    }
    const { base, target } = this.#batch.reserve(sizeBytes);
    let filled = 0;
    while (filled < target.length) {
      const length = file.read(target.subarray(filled));
      if (length === 0) throw this.#changed(item, 'it became shorter while it was read');
      filled += length;
    }
    this.#batch.add(item, { offset: base, length: filled });
  }

  #writeSmall(item: number, content: Uint8Array, digest: Uint8Array): void {
    this.#verify(item, digest);
    this.#root.writeFile(this.#name(item), [content], { replace: this.#input.replace });
    this.#written++;
    this.#bytes += content.length;
  }

  #openLarge(item: number): ContentReader {
    using stack = new DisposableStack();
    const source = stack.use(this.#open(item));
    const target = stack.use(this.#root.createFile(this.#name(item), { replace: this.#input.replace }));
    const opened = stack.move();
    return {
      read: (buffer) => source.read(buffer),
      take: (chunk) => {
        target.write(chunk);
        this.#bytes += chunk.length;
      },
      finish: (digest) => {
        this.#verify(item, digest);
        target.commit();
        this.#written++;
      },
      [Symbol.dispose]: () => opened[Symbol.dispose](),
    };
  }

  #open(item: number): SourceFile {
    const path = this.#sources[item] ?? '';
    try {
      return openReference(this.#ports, path);
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      const expected = digestAt(this.#input.digests, item).toBase64();
      throw new ArtifactError(error.code, `${error.message} (expected digest ${expected})`, {
        cause: error,
        details: { subject: path },
      });
    }
  }

  #verify(item: number, digest: Uint8Array): void {
    const expected = digestAt(this.#input.digests, item);
    if (!sameDigest(digest, expected)) throw this.#changed(item, wrongDigest(expected, digest));
  }

  #changed(item: number, problem: string): ArtifactError {
    const path = this.#sources[item] ?? '';
    return new ArtifactError(
      'SOURCE_CHANGED',
      `the file it refers to, ${path}, changed: ${problem}; restore it or put a new version`,
      { details: { subject: path } },
    );
  }

  #name(item: number): string {
    return this.#names[item] ?? '';
  }

  #guard(item: number, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#failures.push(failureOf(this.#name(item), error));
    }
  }
}
