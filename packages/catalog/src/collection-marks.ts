/** Ids of one chunk of the bitmap: 8 KiB of bits. */
const CHUNK_IDS = 65_536;
const WORD_BITS = 32;

/**
 * The blobs a collection found referenced: a bit for each id of the index, in memory. A column in the database would
 * have to be written for every blob that is kept, at fifteen times the cost, to be of no use to anybody else.
 */
export class CollectionMarks {
  readonly #chunks = new Map<number, Uint32Array>();

  add(blobId: number): void {
    const number = Math.floor(blobId / CHUNK_IDS);
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK_IDS / WORD_BITS);
      this.#chunks.set(number, chunk);
    }
    const bit = blobId % CHUNK_IDS;
    const word = Math.floor(bit / WORD_BITS);
    chunk[word] = (chunk[word] ?? 0) | (1 << (bit % WORD_BITS));
  }

  has(blobId: number): boolean {
    const chunk = this.#chunks.get(Math.floor(blobId / CHUNK_IDS));
    const bit = blobId % CHUNK_IDS;
    const word = chunk?.[Math.floor(bit / WORD_BITS)] ?? 0;
    return (word & (1 << (bit % WORD_BITS))) !== 0;
  }
}
