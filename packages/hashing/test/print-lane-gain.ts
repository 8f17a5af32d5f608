// Prints how many times the bytes per second of node:crypto the lanes make. A process of its own, because the kernels
// are at the mercy of V8's optimiser, which other code in the same process could disturb.
import { createHash } from 'node:crypto';
import { LaneHasher } from '../src/lane-hasher.ts';

const SPAN_BYTES = 32 * 1024;
const SPANS = 32;
const WARM_UP_MS = 250;
const MEASURE_MS = 250;
const ROUND_MS = 10;

const hasher = new LaneHasher({ arenaBytes: SPANS * SPAN_BYTES });
const spans = {
  offsets: Int32Array.from({ length: SPANS }, (_, index) => index * SPAN_BYTES),
  lengths: new Int32Array(SPANS).fill(SPAN_BYTES),
  count: SPANS,
};
const one = hasher.arena.subarray(0, SPAN_BYTES);

/** Messages per millisecond in the best of many short rounds, which a busy machine disturbs least. */
function bestRate(work: () => number, durationMs: number): number {
  const end = performance.now() + durationMs;
  let best = 0;
  while (performance.now() < end) {
    const start = performance.now();
    let messages = 0;
    while (performance.now() < start + ROUND_MS) messages += work();
    best = Math.max(best, messages / (performance.now() - start));
  }
  return best;
}

const lanes = (): number => hasher.hashSpans(spans).length / 16;
const single = (): number => createHash('md5').update(one).digest().length / 16;
bestRate(lanes, WARM_UP_MS);
process.stdout.write(String(bestRate(lanes, MEASURE_MS) / bestRate(single, MEASURE_MS)));
