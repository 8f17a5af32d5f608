import { appendFileSync } from 'node:fs';
import type { FaultPoints } from '@waybill/core';

/** Where tests stop the process. Threads share the count through `reached`. */
export interface FaultPlan {
  /** The process is killed at once when this many points have been reached; 0 never. */
  readonly killAt: number;
  /** File that gets the name of every point reached, a line each. */
  readonly logFile: string | undefined;
  /** One 32-bit counter, shared by all threads. */
  readonly reached: SharedArrayBuffer;
}

export function createFaultPlan(plan: { killAt: number; logFile: string | undefined }): FaultPlan {
  return { ...plan, reached: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) };
}

const NO_FAULTS: FaultPoints = { reach: () => undefined };

/** Without a plan, as always outside tests, a fault point does nothing. */
export function createFaultPoints(plan: FaultPlan | undefined): FaultPoints {
  if (plan === undefined) return NO_FAULTS;
  const reached = new Int32Array(plan.reached);
  return {
    reach(name: string): void {
      const count = Atomics.add(reached, 0, 1) + 1;
      if (plan.logFile !== undefined) appendFileSync(plan.logFile, `${name}\n`);
      if (count === plan.killAt) process.kill(process.pid, 'SIGKILL');
    },
  };
}
