import { invariant, quotePath } from '@waybill/core';

/** @throws ArtifactError `INTERNAL`: who writes must sort first */
export function assertAscending(
  paths: readonly string[],
  encoded: { bytes: Uint8Array; lengths: Uint32Array },
): void {
  const { unordered } = findOrder(encoded.bytes, { start: 0, lengths: encoded.lengths });
  if (unordered === undefined) return;
  const [before, after] = [quotePath(paths[unordered - 1] ?? ''), quotePath(paths[unordered] ?? '')];
  invariant(false, 'SEG-1', `paths are not in order: ${before}, then ${after}`);
}

export interface PathOrder {
  /** First row whose path does not come behind the one before it. */
  readonly unordered: number | undefined;
  /** Whether some path begins with the whole path before it: only then can an entry be a folder of another. */
  readonly nested: boolean;
}

/** Compares each path, as bytes back to back from `start` on, with the one before it. */
export function findOrder(paths: Uint8Array, spans: { start: number; lengths: Uint32Array }): PathOrder {
  const { start, lengths } = spans;
  let nested = false;
  let previous = start;
  let previousLength = lengths[0] ?? 0;
  for (let index = 1; index < lengths.length; index++) {
    const current = previous + previousLength;
    const length = lengths[index] ?? 0;
    const common = Math.min(previousLength, length);
    let at = 0;
    while (at < common && paths[previous + at] === paths[current + at]) at++;
    if (at === common) {
      if (length <= previousLength) return { unordered: index, nested };
      nested = true;
    } else if ((paths[previous + at] ?? 0) > (paths[current + at] ?? 0)) {
      return { unordered: index, nested };
    }
    previous = current;
    previousLength = length;
  }
  return { unordered: undefined, nested };
}
