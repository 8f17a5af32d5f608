import {
  type CompareFilesInput,
  type CompareFilesOutput,
  decodeNames,
  LIMITS,
  type SourceFile,
  type TargetRoot,
} from '@waybill/core';
import { COMPARED } from '../compared.ts';
import { type ContentReader, hashContents, type LargeContent } from './large-contents.ts';
import type { TaskPorts } from './operation-thread-ports.ts';
import { SpanBatch } from './span-batch.ts';
import { digestAt, isOfOneFile, sameDigest } from './task-failure.ts';

const LOOKED_UP = {
  missing: COMPARED.missing,
  'not-a-file': COMPARED.notAFile,
  'through-link': COMPARED.throughLink,
} as const;

/** Compares files below a root with digests, without following any link. */
export function compareFiles(ports: TaskPorts, input: CompareFilesInput): CompareFilesOutput {
  using root = ports.targets.openRoot(input.root);
  const names = decodeNames(input.names);
  const comparison = new Comparison(ports, input, { root, names });
  return { states: comparison.run() };
}

class Comparison {
  readonly #ports: TaskPorts;
  readonly #input: CompareFilesInput;
  readonly #root: TargetRoot;
  readonly #names: readonly string[];
  readonly #states: Uint8Array;
  readonly #large: number[] = [];
  readonly #batch: SpanBatch<number>;

  constructor(
    ports: TaskPorts,
    input: CompareFilesInput,
    opened: { root: TargetRoot; names: readonly string[] },
  ) {
    this.#ports = ports;
    this.#input = input;
    this.#root = opened.root;
    this.#names = opened.names;
    this.#states = new Uint8Array(opened.names.length);
    this.#batch = new SpanBatch(ports.hasher, input.algorithm, (item, _content, digest) =>
      this.#settle(item, digest),
    );
  }

  run(): Uint8Array {
    for (const item of this.#names.keys()) {
      this.#ports.signal.throwIfAborted();
      this.#guard(item, () => {
        this.#states[item] = this.#look(item);
      });
    }
    this.#batch.flush();
    const contents = this.#large.map((item) => this.#largeContent(item));
    hashContents(this.#ports, contents, this.#input.algorithm);
    return this.#states;
  }

  /** The state as far as it is known without hashing; `same` until the hash says otherwise. */
  #look(item: number): number {
    const lookup = this.#root.openFile(this.#names[item] ?? '');
    if (lookup.kind !== 'file') return LOOKED_UP[lookup.kind];
    using file = lookup.file;
    const stat = file.stat();
    if (stat.kind !== 'file') return COMPARED.notAFile;
    const expected = this.#input.sizes[item] ?? Number.NaN;
    if (!Number.isNaN(expected) && expected !== stat.sizeBytes) return COMPARED.different;
    if (stat.sizeBytes >= Math.min(LIMITS.largeFileBytes, this.#ports.hasher.arena().length)) {
      this.#large.push(item);
      return COMPARED.same;
    }
    const { base, target } = this.#batch.reserve(stat.sizeBytes);
    if (!fill(file, target)) return COMPARED.different;
    this.#batch.add(item, { offset: base, length: target.length });
    return COMPARED.same;
  }

  #largeContent(item: number): LargeContent {
    const sizeBytes = this.#input.sizes[item] ?? 0;
    return {
      sizeBytes: Number.isNaN(sizeBytes) ? 0 : sizeBytes,
      open: () => this.#openLarge(item),
      failed: () => {
        this.#states[item] = COMPARED.unreadable;
      },
    };
  }

  #openLarge(item: number): ContentReader {
    const lookup = this.#root.openFile(this.#names[item] ?? '');
    const file = lookup.kind === 'file' ? lookup.file : undefined;
    if (file === undefined) this.#states[item] = COMPARED.missing;
    return {
      read: (target) => file?.read(target) ?? 0,
      take: () => undefined,
      finish: (digest) => {
        if (file !== undefined) this.#settle(item, digest);
      },
      [Symbol.dispose]: () => file?.[Symbol.dispose](),
    };
  }

  #settle(item: number, digest: Uint8Array): void {
    const isSame = sameDigest(digest, digestAt(this.#input.digests, item));
    this.#states[item] = isSame ? COMPARED.same : COMPARED.different;
  }

  #guard(item: number, look: () => void): void {
    try {
      look();
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      this.#states[item] = COMPARED.unreadable;
    }
  }
}

/** Whether the file had that many bytes. */
function fill(file: SourceFile, target: Uint8Array): boolean {
  let filled = 0;
  while (filled < target.length) {
    const length = file.read(target.subarray(filled));
    if (length === 0) return false;
    filled += length;
  }
  return true;
}
