import { formatProblem } from './corrupt.ts';

const INITIAL_BYTES = 65_536;

/** Bytes per UTF-16 code unit, at most. */
const UTF8_BYTES_MAX = 3;

const VARINT_BYTES_MAX = 8;

/** A growing buffer written from front to back, then reused. */
export class ByteSink {
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was written, as a view that the next `reset` gives up. */
  get written(): Buffer<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  /** Gives up what was written behind the first `length` bytes. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Makes room for `count` bytes at the end and answers the buffer, which is good until the next call. */
  reserve(count: number): Buffer<ArrayBuffer> {
    const needed = this.#length + count;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    return this.#bytes;
  }

  /** Counts bytes written into the reserved buffer. */
  advance(count: number): void {
    this.#length += count;
  }

  uint8(value: number): void {
    this.reserve(1)[this.#length] = value;
    this.#length += 1;
  }

  uint32(value: number): void {
    this.#length = this.reserve(4).writeUInt32LE(value, this.#length);
  }

  /** A non-negative safe integer, seven bits a byte, lowest first. */
  varint(value: number): void {
    const bytes = this.reserve(VARINT_BYTES_MAX);
    let at = this.#length;
    let rest = value;
    // Bit operations see 32 bits only; sizes may have 53.
    while (rest > 0x7fff_ffff) {
      bytes[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length).set(value, this.#length);
    this.#length += value.length;
  }

  /** UTF-8 without a length; answers how many bytes. */
  text(value: string): number {
    const count = this.reserve(value.length * UTF8_BYTES_MAX).write(value, this.#length, 'utf8');
    this.#length += count;
    return count;
  }

  /** UTF-8 behind its length. */
  lengthAndText(value: string): void {
    this.varint(Buffer.byteLength(value, 'utf8'));
    this.text(value);
  }
}

/** Reads what a {@link ByteSink} wrote. Reading past the end gives zeros; `assertEnd` tells. */
export class ByteSource {
  readonly bytes: Buffer;
  position = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  varint(): number {
    const { bytes } = this;
    let at = this.position;
    let byte = bytes[at++] ?? 0;
    let value = byte & 127;
    let scale = 128;
    for (let count = 1; byte > 127 && count < VARINT_BYTES_MAX; count++) {
      byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      scale *= 128;
    }
    this.position = at;
    return value;
  }

  /** Passes over `count` bytes and answers where they began. */
  skip(count: number): number {
    const start = this.position;
    this.position += count;
    if (this.position > this.bytes.length) throw formatProblem('ends before its rows do');
    return start;
  }

  assertEnd(): void {
    if (this.position !== this.bytes.length) throw formatProblem('holds more or less than its rows');
  }
}
