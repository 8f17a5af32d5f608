import {
  ArtifactError,
  type BlobStore,
  type ByteRange,
  compareUtf8,
  type ObjectDraft,
  type ObjectInfo,
  type ThreadStore,
} from '@waybill/core';

/** A blob store in memory. Objects may be damaged or removed behind its back through `objects`. */
export class MemoryStore implements BlobStore {
  readonly description = 'memory';
  readonly objects = new Map<string, Uint8Array>();
  /** Bytes of one chunk of a stream. */
  chunkBytes = 100;
  /** Called before each read; what it throws is what the read throws. */
  onRead: (key: string) => void = () => undefined;

  claim(catalogId: string): Promise<string> {
    return Promise.resolve(catalogId);
  }

  createDraft(): Promise<ObjectDraft> {
    return Promise.reject(new ArtifactError('UNSUPPORTED', 'no drafts in memory'));
  }

  async writeObject(key: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    if (this.objects.has(key)) throw new ArtifactError('OBJECT_EXISTS', `${key} exists`);
    let bytes = new Uint8Array();
    this.objects.set(key, bytes);
    try {
      for await (const chunk of chunks) {
        const longer = new Uint8Array(bytes.length + chunk.length);
        longer.set(bytes);
        longer.set(chunk, bytes.length);
        bytes = longer;
        this.objects.set(key, bytes);
      }
    } catch (error) {
      // A killed process cleans nothing up.
      if (!(error instanceof Killed)) this.objects.delete(key);
      throw error;
    }
  }

  readRange(key: string, range: ByteRange): Promise<Uint8Array> {
    return Promise.try(() => this.#read(key, range));
  }

  async *readStream(key: string, options: { range?: ByteRange } = {}): AsyncGenerator<Uint8Array> {
    const size = this.#need(key).length;
    const { offset, length } = options.range ?? { offset: 0, length: size };
    for (let at = offset; at < offset + length; at += this.chunkBytes) {
      yield await this.readRange(key, {
        offset: at,
        length: Math.min(this.chunkBytes, offset + length - at),
      });
    }
  }

  sizeOf(key: string): Promise<number | undefined> {
    return Promise.resolve(this.objects.get(key)?.length);
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareUtf8);
    for (const key of keys) {
      const bytes = await Promise.resolve(this.objects.get(key));
      if (bytes !== undefined) yield { key, sizeBytes: bytes.length };
    }
  }

  remove(key: string): Promise<void> {
    this.objects.delete(key);
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The store as a thread sees it; with `later`, like one that is far away. */
  forThreads(options: { later: boolean }): ThreadStore {
    const open = (key: string) => {
      const size = this.#need(key).length;
      const read = (target: Uint8Array, offset: number) => {
        target.set(this.#read(key, { offset, length: target.length }));
      };
      return {
        size,
        read: (target: Uint8Array, offset: number) =>
          options.later ? Promise.try(() => read(target, offset)) : read(target, offset),
        [Symbol.dispose]: () => undefined,
      };
    };
    return { open: (key) => (options.later ? Promise.try(() => open(key)) : open(key)) };
  }

  /** Flips a bit. */
  damage(key: string, offset: number): void {
    const bytes = this.#need(key).slice();
    bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    this.objects.set(key, bytes);
  }

  #need(key: string): Uint8Array {
    const bytes = this.objects.get(key);
    if (bytes === undefined) throw new ArtifactError('MISSING_BLOB', `${key} is not there`);
    return bytes;
  }

  #read(key: string, { offset, length }: ByteRange): Uint8Array {
    this.onRead(key);
    const bytes = this.#need(key);
    if (offset + length > bytes.length) throw new ArtifactError('CORRUPT', `${key} is too short`);
    return bytes.slice(offset, offset + length);
  }
}

/** What a fault point throws to end a "process" at once. */
export class Killed extends Error {}
