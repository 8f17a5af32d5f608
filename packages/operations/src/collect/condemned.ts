import type { CollectableObject } from '@waybill/core';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import type { CollectReport } from '../results.ts';
import { PAGE_ROWS } from './retained-versions.ts';

/** With a grace of zero everything condemned goes, whatever the clocks say. */
export const ANY_TIME_MS: number = Number.MAX_SAFE_INTEGER;

/** One collection of one entity, begun. */
export interface Collection {
  readonly entity: string;
  readonly collection: number;
  readonly thresholdTick: number;
  readonly graceMs: number;
}

/** The report of a collection while it is under way. */
export type Counts = { -readonly [Key in keyof CollectReport]: CollectReport[Key] };

export async function totalsOf(
  objects: AsyncIterable<CollectableObject>,
): Promise<{ objects: number; bytes: number }> {
  const totals = { objects: 0, bytes: 0 };
  for await (const { sizeBytes } of objects) {
    totals.objects++;
    totals.bytes += sizeBytes;
  }
  return totals;
}

/** Condemned objects whose condemnation is that old. */
export async function* condemnedObjects(
  ports: OperationPorts,
  { scope, beforeMs }: { scope: Collection; beforeMs: number },
  options: OperationOptions,
): AsyncGenerator<CollectableObject> {
  const { entity } = scope;
  let after: number | undefined;
  for (;;) {
    const page = { condemnedBeforeMs: beforeMs, after, limit: PAGE_ROWS };
    const objects = await ports.catalog.listCondemned({ entity, ...page }, options);
    yield* objects;
    after = objects.at(-1)?.objectId;
    if (after === undefined || objects.length < PAGE_ROWS) return;
  }
}

export function removableBefore(ports: OperationPorts, { graceMs }: Collection): number {
  return graceMs === 0 ? ANY_TIME_MS : ports.clock.nowMs() - graceMs;
}
