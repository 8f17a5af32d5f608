/**
 * States of an ingest.
 *
 * | state | meaning | may become |
 * |---|---|---|
 * | PLANNING | sources are being split into shards | RUNNING, FAILED, CANCELLING; PLANNING (taken up again) |
 * | RUNNING | every shard is known; some are not done | FINALIZING, FAILED, CANCELLING; RUNNING and PLANNING (taken up again) |
 * | FINALIZING | segments are merged, the manifest is written | COMMITTED, FAILED, CANCELLING; RUNNING and PLANNING (taken up again) |
 * | COMMITTED | ended in a version, or in the version that had the same digest | |
 * | FAILED | stopped by an error; nothing of it is visible | RUNNING and PLANNING (retry), CANCELLING |
 * | CANCELLING | asked to stop; stages notice at their next batch | CANCELLED |
 * | CANCELLED | stopped; its leftovers are reclaimed by gc | |
 *
 * Every change is a compare-and-set in the catalog; cancel and commit race, and one of them wins.
 */
export type IngestState =
  | 'PLANNING'
  | 'RUNNING'
  | 'FINALIZING'
  | 'COMMITTED'
  | 'FAILED'
  | 'CANCELLING'
  | 'CANCELLED';

const INGEST_MOVES: Readonly<Record<IngestState, readonly IngestState[]>> = {
  PLANNING: ['PLANNING', 'RUNNING', 'FAILED', 'CANCELLING'],
  RUNNING: ['RUNNING', 'FINALIZING', 'PLANNING', 'FAILED', 'CANCELLING'],
  FINALIZING: ['COMMITTED', 'RUNNING', 'PLANNING', 'FAILED', 'CANCELLING'],
  COMMITTED: [],
  FAILED: ['RUNNING', 'PLANNING', 'CANCELLING'],
  CANCELLING: ['CANCELLED'],
  CANCELLED: [],
};

/** Whether the table above allows the change. Moving to PLANNING or RUNNING again is how an ingest is taken up again. */
export function mayMoveIngest(from: IngestState, to: IngestState): boolean {
  return INGEST_MOVES[from].includes(to);
}

/** An open ingest may still commit: gc keeps what it may rely on. A failed one may be retried, so it is open. */
export const OPEN_INGEST_STATES: readonly IngestState[] = [
  'PLANNING',
  'RUNNING',
  'FINALIZING',
  'FAILED',
  'CANCELLING',
];

export type ShardState = 'PENDING' | 'DONE';

export type VersionState = 'PENDING' | 'COMMITTED' | 'DELETED';
