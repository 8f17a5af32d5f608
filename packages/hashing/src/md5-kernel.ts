import { hash } from 'node:crypto';
import { invariant } from '@waybill/core';
import { MD5_KERNEL_BASE64 } from './md5-kernel.generated.ts';

/** The little of WebAssembly that is needed here: Node's types leave it to those of the browser. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
};

/** The exported functions of `assembly/md5.ts`, described there. */
interface Code {
  readonly startLane: (lane: number) => void;
  readonly feedLane: (lane: number, pointer: number, blocks: number) => void;
  readonly padLane: (lane: number, pointer: number, rest: number, totalBytes: number) => void;
  readonly digestLane: (lane: number, out: number) => void;
  readonly laneBlocks: (lane: number) => number;
  readonly advance: () => number;
  readonly hashSpans: (offsets: number, lengths: number, order: number, count: number, out: number) => void;
}

/** Messages in the memory of a kernel: addresses of three tables of u32 and of the digests. */
export interface SpanAddresses {
  readonly offsets: number;
  readonly lengths: number;
  /** Room for `count` numbers. */
  readonly order: number;
  readonly count: number;
  /** Room for `count` digests of 16 bytes. */
  readonly out: number;
}

/** Lanes of the embedded kernel: how many messages advance together. */
export const KERNEL_LANES = 16;
/** First address that the kernel leaves free for messages and tables. */
export const KERNEL_FREE_FROM = 12288;

const PAGE_BYTES = 64 * 1024;
const BLOCK_BYTES = 64;

/** Time in the kernel after which V8 has long replaced its first, slow compilation. */
const PROBE_AFTER_MS = 50;
const PROBE_ROUNDS = 8;
const PROBE_BLOCKS = 512;
/** What a good copy makes of a message in the first-level cache: 5.1 was measured, and 1.6 to 3.6 of slow ones. */
const LANE_GAIN_MIN = 4;
const SLOW_PROBES_MAX = 2;
const COPIES_MAX = 4;

/**
 * The MD5 kernels with a memory of their own that never grows, so that views into it stay valid.
 *
 * One compiled copy of the module in fifty to a hundred is slow for its whole life, at 0.4 to 0.8 of the usual speed,
 * whatever data it is given; another copy in the same process is not. It is the same machine code at another address, so
 * the cause is the processor's. Therefore a copy is timed once V8 has optimised it, and replaced when it is slow. Nothing
 * but code changes hands: all state is in the memory.
 */
export class Md5Kernel {
  readonly memory: ArrayBuffer;
  readonly #importedMemory: unknown;
  #code: Code;
  #copies = 0;
  /** Kernel time since the last probe; `undefined` once a copy has proved fast or no more are tried. */
  #unprovenMs: number | undefined = 0;
  #slowProbes = 0;

  /** `memoryBytes` counts from address 0 and is rounded up to whole pages of 64 KiB. */
  constructor(memoryBytes: number) {
    const pages = Math.ceil(memoryBytes / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#importedMemory = memory;
    this.memory = memory.buffer;
    this.#code = this.#compile();
  }

  /** Begins a new message in a lane. */
  startLane(lane: number): void {
    this.#code.startLane(lane);
  }

  /** Gives a resting lane whole blocks of its message. */
  feedLane(lane: number, pointer: number, blocks: number): void {
    this.#code.feedLane(lane, pointer, blocks);
  }

  /** Gives a resting lane the last `rest` (0..63) bytes of a message of `totalBytes`. Reads up to 64 bytes. */
  padLane(
    lane: number,
    { pointer, rest, totalBytes }: { pointer: number; rest: number; totalBytes: number },
  ): void {
    this.#code.padLane(lane, pointer, rest, totalBytes);
  }

  /** Writes the 16 bytes of a lane whose padding has run. */
  digestLane(lane: number, out: number): void {
    this.#code.digestLane(lane, out);
  }

  /** Blocks a lane still has ready. */
  laneBlocks(lane: number): number {
    return this.#code.laneBlocks(lane);
  }

  /** Runs the ready blocks until at least one lane has none left. Returns how many lanes had some. */
  advance(): number {
    if (this.#unprovenMs === undefined) return this.#code.advance();
    return this.#timed(() => this.#code.advance());
  }

  /** Digests of messages that lie in the memory. Uses all lanes. */
  hashSpans({ offsets, lengths, order, count, out }: SpanAddresses): void {
    if (this.#unprovenMs === undefined) this.#code.hashSpans(offsets, lengths, order, count, out);
    else this.#timed(() => this.#code.hashSpans(offsets, lengths, order, count, out));
  }

  /** Takes a fresh copy of the code. Lanes keep their state. */
  replaceCode(): void {
    this.#code = this.#compile();
  }

  /**
   * How many times the bytes per second of node:crypto all lanes together make, measured in about two milliseconds. Lanes
   * keep their state.
   */
  measureLaneGain(): number {
    const area = new Uint8Array(this.memory, 0, KERNEL_FREE_FROM);
    const saved = area.slice();
    const message = new Uint8Array(this.memory, KERNEL_FREE_FROM, PROBE_BLOCKS * BLOCK_BYTES);
    let lanesMs = Number.POSITIVE_INFINITY;
    let cryptoMs = Number.POSITIVE_INFINITY;
    for (let round = 0; round < PROBE_ROUNDS; round++) {
      for (let lane = 0; lane < KERNEL_LANES; lane++) {
        this.startLane(lane);
        this.feedLane(lane, KERNEL_FREE_FROM, PROBE_BLOCKS);
      }
      const start = performance.now();
      this.#code.advance();
      const middle = performance.now();
      hash('md5', message, 'buffer');
      lanesMs = Math.min(lanesMs, middle - start);
      cryptoMs = Math.min(cryptoMs, performance.now() - middle);
    }
    area.set(saved);
    return (cryptoMs * KERNEL_LANES) / lanesMs;
  }

  #timed<R>(work: () => R): R {
    const start = performance.now();
    const result = work();
    this.#unprovenMs = (this.#unprovenMs ?? 0) + performance.now() - start;
    if (this.#unprovenMs >= PROBE_AFTER_MS) this.#judge();
    return result;
  }

  #judge(): void {
    this.#unprovenMs = 0;
    if (this.measureLaneGain() >= LANE_GAIN_MIN) {
      this.#unprovenMs = undefined;
      return;
    }
    this.#slowProbes++;
    if (this.#slowProbes < SLOW_PROBES_MAX) return;
    this.#slowProbes = 0;
    if (this.#copies < COPIES_MAX) this.replaceCode();
    else this.#unprovenMs = undefined;
  }

  #compile(): Code {
    const module = new WebAssembly.Module(copyOfModule(this.#copies));
    this.#copies++;
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#importedMemory } });
    const layoutIsRight =
      globalNumber(exports, 'lanes') === KERNEL_LANES &&
      globalNumber(exports, 'freeFrom') === KERNEL_FREE_FROM &&
      globalNumber(exports, 'dataEnd') <= globalNumber(exports, 'areasFrom');
    invariant(layoutIsRight, 'hashing-kernel-layout', 'the kernel was built for another layout');
    return {
      startLane: exportedFunction(exports, 'startLane'),
      feedLane: exportedFunction(exports, 'feedLane'),
      padLane: exportedFunction(exports, 'padLane'),
      digestLane: exportedFunction(exports, 'digestLane'),
      laneBlocks: exportedFunction(exports, 'laneBlocks'),
      advance: exportedFunction(exports, 'advance'),
      hashSpans: exportedFunction(exports, 'hashSpans'),
    };
  }
}

/** The compiled module that is committed. */
export function embeddedWasm(): Uint8Array {
  return Uint8Array.fromBase64(MD5_KERNEL_BASE64);
}

/**
 * The module with a custom section that says nothing: V8 shares the code of equal modules among all threads, and only a
 * different one is compiled anew.
 */
function copyOfModule(copy: number): Uint8Array {
  const wasm = embeddedWasm();
  if (copy === 0) return wasm;
  const CUSTOM_SECTION = 0;
  const nameless = [CUSTOM_SECTION, 2, 0, copy];
  return Uint8Array.from([...wasm, ...nameless]);
}

function globalNumber(exports: Readonly<Record<string, unknown>>, name: string): number {
  const exported = exports[name];
  const value =
    typeof exported === 'object' && exported !== null && 'value' in exported ? exported.value : undefined;
  invariant(typeof value === 'number', 'hashing-kernel-global', `the kernel has no number ${name}`);
  return value;
}

function exportedFunction<F>(exports: Readonly<Record<string, unknown>>, name: string): F {
  const exported = exports[name];
  invariant(typeof exported === 'function', 'hashing-kernel-function', `the kernel has no ${name}()`);
  // The signature is that of assembly/md5.ts, which a type cannot prove; the tests call every one of them.
  return exported as F;
}
