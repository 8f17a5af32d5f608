import type { NameChunk } from './walk-request.ts';

const encoder = new TextEncoder();

/** Collects names in order and encodes them in chunks of bounded count. */
export class NameChunks {
  readonly #chunkNames: number;
  readonly #chunks: NameChunk[] = [];
  #parts: string[] = [];
  #count = 0;

  constructor(chunkNames: number) {
    this.#chunkNames = chunkNames;
  }

  /** Adds `folder` + each of the keys `from` up to `to` (exclusive). */
  add(folder: string, keys: readonly string[], range: { from: number; to: number }): void {
    let from = range.from;
    while (from < range.to) {
      const to = Math.min(range.to, from + this.#chunkNames - this.#count);
      const taken = from === 0 && to === keys.length ? keys : keys.slice(from, to);
      // One join a folder, not one string a name.
      this.#parts.push(folder + taken.join(`\0${folder}`));
      this.#count += to - from;
      if (this.#count === this.#chunkNames) this.#close();
      from = to;
    }
  }

  /** Everything added since the beginning. */
  take(): NameChunk[] {
    this.#close();
    return this.#chunks;
  }

  #close(): void {
    if (this.#count === 0) return;
    this.#chunks.push({ names: encoder.encode(this.#parts.join('\0')), count: this.#count });
    this.#parts = [];
    this.#count = 0;
  }
}
