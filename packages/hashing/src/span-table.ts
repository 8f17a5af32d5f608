import { type ContentHasher, invariant } from '@waybill/core';

/** Messages that lie in an arena: row by row an offset and a length in bytes. */
export type SpanTable = Parameters<ContentHasher['hashSpans']>[0];

/** Asserts that every span lies in the arena, which the kernel itself does not look at. */
export function checkSpans({ offsets, lengths, count }: SpanTable, arenaBytes: number): void {
  const rows = Math.min(offsets.length, lengths.length);
  invariant(count >= 0 && count <= rows, 'hashing-span-rows', 'the span table has fewer rows than its count');
  for (let row = 0; row < count; row++) {
    const offset = offsets[row] ?? 0;
    const length = lengths[row] ?? 0;
    const inside = offset >= 0 && length >= 0 && offset + length <= arenaBytes;
    invariant(inside, 'hashing-span-bounds', 'a span reaches beyond the arena');
  }
}
