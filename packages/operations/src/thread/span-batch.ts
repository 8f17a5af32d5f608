import { type ContentHasher, DIGEST_BYTES, type DigestAlgorithm, invariant, LIMITS } from '@waybill/core';

/** What is known of a span once it is hashed. Both arrays are only valid during the call. */
export type SpanVisitor<Item> = (item: Item, content: Uint8Array, digest: Uint8Array) => void;

/**
 * Whole small contents in the hasher's memory, hashed together. The owner reserves room, fills it, names the spans in
 * it; when there is no room, what is there is hashed and visited, in the order in which it was named.
 */
export class SpanBatch<Item> {
  readonly #hasher: ContentHasher;
  readonly #algorithm: DigestAlgorithm;
  readonly #visit: SpanVisitor<Item>;
  readonly #items: Item[] = [];
  /** Which span each item is; several may share one. */
  readonly #spanOf: number[] = [];
  readonly #offsets = new Int32Array(LIMITS.batchEntries);
  readonly #lengths = new Int32Array(LIMITS.batchEntries);
  #spans = 0;
  #used = 0;

  constructor(hasher: ContentHasher, algorithm: DigestAlgorithm, visit: SpanVisitor<Item>) {
    this.#hasher = hasher;
    this.#algorithm = algorithm;
    this.#visit = visit;
  }

  /** Bytes that can be reserved without hashing what is there. */
  get room(): number {
    return this.#spans < LIMITS.batchEntries ? this.#hasher.arena().length - this.#used : 0;
  }

  /** Room for so many bytes, at most the whole arena; valid until the next call. Answers where it begins. */
  reserve(length: number): { readonly base: number; readonly target: Uint8Array } {
    if (length > this.room || this.room === 0) this.flush();
    invariant(length <= this.room, 'span-batch-room', `${length} bytes do not fit into a thread's memory`);
    const base = this.#used;
    this.#used += length;
    return { base, target: this.#hasher.arena().subarray(base, base + length) };
  }

  /** Names a span of what was reserved. The same span twice in a row is hashed once. */
  add(item: Item, span: { offset: number; length: number }): void {
    const last = this.#spans - 1;
    const same = last >= 0 && this.#offsets[last] === span.offset && this.#lengths[last] === span.length;
    if (!same) {
      invariant(this.#spans < LIMITS.batchEntries, 'span-batch-count', 'more spans than were reserved for');
      this.#offsets[this.#spans] = span.offset;
      this.#lengths[this.#spans] = span.length;
      this.#spans++;
    }
    this.#items.push(item);
    this.#spanOf.push(this.#spans - 1);
  }

  /** How many more spans may be named before the next `reserve`. */
  get spansLeft(): number {
    return LIMITS.batchEntries - this.#spans;
  }

  /** Hashes and visits everything named since the last time. */
  flush(): void {
    const items = this.#items.splice(0);
    const spanOf = this.#spanOf.splice(0);
    const count = this.#spans;
    this.#spans = 0;
    this.#used = 0;
    if (items.length === 0) return;
    const offsets = this.#offsets;
    const lengths = this.#lengths;
    const digests = this.#hasher.hashSpans({ offsets, lengths, count }, this.#algorithm);
    const arena = this.#hasher.arena();
    for (const [index, item] of items.entries()) {
      const span = spanOf[index] ?? 0;
      const start = offsets[span] ?? 0;
      const content = arena.subarray(start, start + (lengths[span] ?? 0));
      this.#visit(item, content, digests.subarray(span * DIGEST_BYTES, (span + 1) * DIGEST_BYTES));
    }
  }
}
