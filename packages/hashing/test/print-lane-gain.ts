// Prints how many times the bytes per second of node:crypto the lanes make. A process of its own, because the kernels
// are at the mercy of V8's optimiser, which other code in the same process could disturb.
import { createHash } from 'node:crypto';
import { LaneHasher } from '../src/lane-hasher.ts';

const SPAN_BYTES = 32 * 1024;
const SPANS = 32;
/** Short, so that on a busy machine some rounds go undisturbed. */
const ROUND_MS = 3;
const ROUNDS_MIN = 60;
/** As much as a kernel that is all right must show at some time, even if the machine has little time for it. */
const GAIN_EXPECTED = 4;
const DEADLINE_MS = 10_000;

const hasher = new LaneHasher({ arenaBytes: SPANS * SPAN_BYTES });
const spans = {
  offsets: Int32Array.from({ length: SPANS }, (_, index) => index * SPAN_BYTES),
  lengths: new Int32Array(SPANS).fill(SPAN_BYTES),
  count: SPANS,
};
const one = hasher.arena.subarray(0, SPAN_BYTES);

/** Messages per millisecond. */
function rateOf(work: () => number): number {
  const start = performance.now();
  let messages = 0;
  while (performance.now() < start + ROUND_MS) messages += work();
  return messages / (performance.now() - start);
}

const lanes = (): number => hasher.hashSpans(spans).length / 16;
const single = (): number => createHash('md5').update(one).digest().length / 16;
const end = performance.now() + DEADLINE_MS;
let best = { lanes: 0, single: 0 };
for (let round = 0; performance.now() < end; round++) {
  best = { lanes: Math.max(best.lanes, rateOf(lanes)), single: Math.max(best.single, rateOf(single)) };
  if (round >= ROUNDS_MIN && best.lanes > best.single * GAIN_EXPECTED) break;
}
process.stdout.write(String(best.lanes / best.single));
