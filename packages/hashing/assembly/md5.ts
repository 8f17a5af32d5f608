// AssemblyScript. MD5 of many messages at once: a table of lanes, each with the state of one message and the
// address of its next blocks, and two kernels that advance it: all lanes together in SIMD, or one lane alone.
// Both work on the same state, so that a message may change kernels at any block.
// `./kernels.generated` is written by scripts/kernel-source.ts and exists only while scripts/compile-kernel.ts runs.
import { LANES, runScalar, runVector } from './kernels.generated';
import { BLOCKS, CLASS_STARTS, FREE, PADDED, POINTERS, SPANS, STATE, TAILS } from './layout';

/**
 * With this many lanes left or fewer, one lane after the other is faster than all of them in SIMD, which takes the same
 * time however many work: 16 lanes make 4.4 to 4.8 times the bytes per second of one alone, so 4 of them 1.1 to 1.2 times.
 */
const SCALAR_LANES_MAX: u32 = 3;
const BLOCK_BYTES: u32 = 64;
/** Bytes of a last block that leave no room for the message length, so that padding takes a second one. */
const TAIL_ONE_BLOCK_BYTES: u32 = 56;
const TAIL_BYTES: u32 = 128;
const IDLE: u32 = 0xffffffff;
const SIZE_CLASSES: u32 = 33;

/** How many lanes there are. */
export const lanes: u32 = LANES;
/** First byte of the memory that is free for messages and tables. */
export const freeFrom: usize = FREE;
/** End of the compiler's own data, and begin of the areas of `./layout`, which must lie behind it. */
export const dataEnd: usize = __heap_base;
export const areasFrom: usize = STATE;

@inline
function slot(table: usize, index: u32): usize {
  return table + (<usize>index << 2);
}

@inline
function stateOf(lane: u32): usize {
  return STATE + (<usize>(lane >> 2) << 6) + (<usize>(lane & 3) << 2);
}

@inline
function tailOf(lane: u32): usize {
  return TAILS + <usize>(lane * TAIL_BYTES);
}

/** Begins a new message in a lane. */
export function startLane(lane: u32): void {
  const state = stateOf(lane);
  store<u32>(state, 0x67452301, 0);
  store<u32>(state, 0xefcdab89, 16);
  store<u32>(state, 0x98badcfe, 32);
  store<u32>(state, 0x10325476, 48);
  store<u32>(slot(BLOCKS, lane), 0);
}

/** Gives a resting lane whole blocks of its message. */
export function feedLane(lane: u32, pointer: u32, blocks: u32): void {
  store<u32>(slot(POINTERS, lane), pointer);
  store<u32>(slot(BLOCKS, lane), blocks);
}

/**
 * Gives a resting lane the end of its message: the `rest` (0..63) bytes at `pointer`, of a message of `totalBytes`.
 * Reads up to 64 bytes from `pointer`, whatever `rest` is; the memory must reach that far.
 */
export function padLane(lane: u32, pointer: u32, rest: u32, totalBytes: f64): void {
  const tail = tailOf(lane);
  const limit = i8x16.splat(<i8>rest);
  const step = i8x16.splat(16);
  let index = v128(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (let at: usize = 0; at < 64; at += 16) {
    const kept = v128.and(v128.load(<usize>pointer + at), i8x16.lt_u(index, limit));
    v128.store(tail + at, kept);
    index = i8x16.add(index, step);
  }
  store<u8>(tail + <usize>rest, 0x80);
  let blocks: u32 = 1;
  if (rest >= TAIL_ONE_BLOCK_BYTES) {
    memory.fill(tail + 64, 0, 64);
    blocks = 2;
  }
  store<u64>(tail + <usize>(blocks * BLOCK_BYTES - 8), <u64>totalBytes << 3);
  feedLane(lane, <u32>tail, blocks);
}

/** Writes the 16 bytes of a lane whose padding has run. */
export function digestLane(lane: u32, out: usize): void {
  const state = stateOf(lane);
  store<u32>(out, load<u32>(state, 0), 0);
  store<u32>(out, load<u32>(state, 16), 4);
  store<u32>(out, load<u32>(state, 32), 8);
  store<u32>(out, load<u32>(state, 48), 12);
}

/** Reverse of `digestLane`. */
function restoreLane(lane: u32, from: usize): void {
  const state = stateOf(lane);
  store<u32>(state, load<u32>(from, 0), 0);
  store<u32>(state, load<u32>(from, 4), 16);
  store<u32>(state, load<u32>(from, 8), 32);
  store<u32>(state, load<u32>(from, 12), 48);
}

/** Blocks a lane still has ready. */
export function laneBlocks(lane: u32): u32 {
  return load<u32>(slot(BLOCKS, lane));
}

/**
 * Runs the ready blocks until at least one lane has none left. Returns how many lanes had some. Lanes without blocks rest:
 * they keep their state, in mid-message too.
 */
export function advance(): u32 {
  let active: u32 = 0;
  let least: u32 = 0xffffffff;
  let someLane: u32 = 0;
  for (let lane: u32 = 0; lane < LANES; lane++) {
    const blocks = load<u32>(slot(BLOCKS, lane));
    if (blocks == 0) continue;
    active++;
    someLane = lane;
    least = min(least, blocks);
  }
  if (active == 0) return 0;
  if (active <= SCALAR_LANES_MAX) {
    advanceEachAlone();
    return active;
  }
  // A resting lane takes part with the address of a working one, and gets its state back afterwards.
  const borrowed = load<u32>(slot(POINTERS, someLane));
  for (let lane: u32 = 0; lane < LANES; lane++) {
    if (load<u32>(slot(BLOCKS, lane)) != 0) continue;
    store<u32>(slot(POINTERS, lane), borrowed);
    digestLane(lane, tailOf(lane));
  }
  runVector(least);
  for (let lane: u32 = 0; lane < LANES; lane++) {
    const blocks = load<u32>(slot(BLOCKS, lane));
    if (blocks == 0) {
      restoreLane(lane, tailOf(lane));
      continue;
    }
    store<u32>(slot(BLOCKS, lane), blocks - least);
    store<u32>(slot(POINTERS, lane), load<u32>(slot(POINTERS, lane)) + least * BLOCK_BYTES);
  }
  return active;
}

function advanceEachAlone(): void {
  for (let lane: u32 = 0; lane < LANES; lane++) {
    const blocks = load<u32>(slot(BLOCKS, lane));
    if (blocks == 0) continue;
    runScalar(lane, blocks);
    store<u32>(slot(BLOCKS, lane), 0);
  }
}

/** Indexes of the lengths, long ones first: by powers of two, which is all that an even finish of the lanes needs. */
function orderLongestFirst(lengths: usize, order: usize, count: u32): void {
  memory.fill(CLASS_STARTS, 0, SIZE_CLASSES << 2);
  for (let i: u32 = 0; i < count; i++) {
    const at = slot(CLASS_STARTS, clz<u32>(load<u32>(slot(lengths, i))));
    store<u32>(at, load<u32>(at) + 1);
  }
  let start: u32 = 0;
  for (let sizeClass: u32 = 0; sizeClass < SIZE_CLASSES; sizeClass++) {
    const at = slot(CLASS_STARTS, sizeClass);
    const size = load<u32>(at);
    store<u32>(at, start);
    start += size;
  }
  for (let i: u32 = 0; i < count; i++) {
    const at = slot(CLASS_STARTS, clz<u32>(load<u32>(slot(lengths, i))));
    const rank = load<u32>(at);
    store<u32>(at, rank + 1);
    store<u32>(slot(order, rank), i);
  }
}

function padSpan(lane: u32, pointer: u32, length: u32): void {
  const whole = length & ~(BLOCK_BYTES - 1);
  padLane(lane, pointer + whole, length - whole, <f64>length);
  store<u32>(slot(PADDED, lane), 1);
}

/**
 * MD5 of `count` messages that lie at `offsets` (absolute addresses, u32) with `lengths` (u32). `order` is room for `count` u32;
 * the 16 bytes of message i go to out + 16 * i. A lane that ends takes the next message.
 */
export function hashSpans(offsets: usize, lengths: usize, order: usize, count: u32, out: usize): void {
  orderLongestFirst(lengths, order, count);
  let next: u32 = 0;
  for (let lane: u32 = 0; lane < LANES; lane++) {
    next = nextSpan(lane, offsets, lengths, order, count, next);
  }
  while (advance() != 0) {
    for (let lane: u32 = 0; lane < LANES; lane++) {
      const span = load<u32>(slot(SPANS, lane));
      if (span == IDLE || load<u32>(slot(BLOCKS, lane)) != 0) continue;
      if (load<u32>(slot(PADDED, lane)) == 0) {
        padSpan(lane, load<u32>(slot(offsets, span)), load<u32>(slot(lengths, span)));
        continue;
      }
      digestLane(lane, out + (<usize>span << 4));
      next = nextSpan(lane, offsets, lengths, order, count, next);
    }
  }
}

/** Puts the next message into a lane, or lets it rest when there is none. Returns the rank of the one after. */
function nextSpan(lane: u32, offsets: usize, lengths: usize, order: usize, count: u32, next: u32): u32 {
  if (next >= count) {
    store<u32>(slot(SPANS, lane), IDLE);
    store<u32>(slot(BLOCKS, lane), 0);
    return next;
  }
  const span = load<u32>(slot(order, next));
  const length = load<u32>(slot(lengths, span));
  const pointer = load<u32>(slot(offsets, span));
  startLane(lane);
  store<u32>(slot(SPANS, lane), span);
  store<u32>(slot(PADDED, lane), 0);
  if (length < BLOCK_BYTES) padSpan(lane, pointer, length);
  else feedLane(lane, pointer, length / BLOCK_BYTES);
  return next + 1;
}
