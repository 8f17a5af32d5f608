/**
 * Time this thread spent waiting for another thread (a permit, an answer) rather than for a disk. The pool leaves it out
 * when it asks whether its threads wait for input: more threads would only wait for the same thing.
 */
let blockedMs = 0;

export function countBlockedMs(ms: number): void {
  blockedMs += ms;
}

/** Sum since the thread began. */
export function blockedMsSoFar(): number {
  return blockedMs;
}
