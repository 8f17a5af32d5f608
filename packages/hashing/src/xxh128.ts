import type { IncrementalDigest } from '@waybill/core';
import { createXXHash128 } from 'hash-wasm';

/**
 * XXH128 of any number of messages with one WebAssembly instance, whose making is asynchronous while everything that
 * hashes is not. Digests that interleave take turns: the state of one is saved when another goes on.
 */
export class Xxh128 {
  readonly #hasher: Awaited<ReturnType<typeof createXXHash128>>;
  /** Whose state the instance holds at the moment. */
  #current: Xxh128Digest | undefined;

  private constructor(hasher: Awaited<ReturnType<typeof createXXHash128>>) {
    this.#hasher = hasher;
  }

  static async create(): Promise<Xxh128> {
    return new Xxh128(await createXXHash128());
  }

  /** The canonical 16 bytes, big-endian, of one message. */
  hash(bytes: Uint8Array): Uint8Array {
    this.#park();
    this.#hasher.init();
    this.#hasher.update(bytes);
    return this.#hasher.digest('binary');
  }

  createDigest(): IncrementalDigest {
    return new Xxh128Digest(this);
  }

  /** @internal For digests made here. */
  update(digest: Xxh128Digest, data: Uint8Array | string): void {
    this.#resume(digest);
    this.#hasher.update(data);
  }

  /** @internal For digests made here. */
  finish(digest: Xxh128Digest): Uint8Array {
    this.#resume(digest);
    this.#current = undefined;
    return this.#hasher.digest('binary');
  }

  #resume(digest: Xxh128Digest): void {
    if (this.#current === digest) return;
    this.#park();
    if (digest.saved === undefined) this.#hasher.init();
    else this.#hasher.load(digest.saved);
    this.#current = digest;
  }

  #park(): void {
    if (this.#current !== undefined) this.#current.saved = this.#hasher.save();
    this.#current = undefined;
  }
}

class Xxh128Digest implements IncrementalDigest {
  /** State while another digest uses the instance; `undefined` before the first turn. */
  saved: Uint8Array | undefined;
  readonly #owner: Xxh128;

  constructor(owner: Xxh128) {
    this.#owner = owner;
  }

  update(data: Uint8Array | string): void {
    this.#owner.update(this, data);
  }

  digest(): Uint8Array {
    return this.#owner.finish(this);
  }
}
