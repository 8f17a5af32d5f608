import type { FaultPlan } from './fault-points.ts';

/** What the main thread tells each worker thread at its start. Plain data. */
export interface ThreadSetup {
  readonly storeFolder: string;
  readonly statCacheFile: string;
  readonly permits: SharedArrayBuffer;
  readonly faultPlan: FaultPlan | undefined;
}
