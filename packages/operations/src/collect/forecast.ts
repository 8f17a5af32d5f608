import type { BlobTotals } from '@waybill/core';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import {
  ANY_TIME_MS,
  type Collection,
  type Counts,
  condemnedObjects,
  removableBefore,
  totalsOf,
} from './condemned.ts';
import { leftoverManifests, leftoverStaging } from './leftovers.ts';
import type { OrphanForecast } from './orphan-forecast.ts';
import { PAGE_ROWS } from './retained-versions.ts';
import { isWorthRewriting, SPARSE_BELOW } from './rewrite-pack.ts';

interface Scope {
  readonly scope: Collection;
  readonly counts: Counts;
}

/** An object of the index, and what would be left in it. */
interface Remainder {
  readonly kind: 'pack' | 'blob';
  readonly sizeBytes: number;
  readonly left: BlobTotals;
}

/**
 * Counts what the collection would do, changing nothing. With nobody else at work it is what would be done, but for
 * packs that cannot be rewritten because they are damaged: nothing is read for that.
 */
export async function forecast(
  ports: OperationPorts,
  { scope, counts, orphans }: Scope & { orphans: OrphanForecast },
  options: OperationOptions,
): Promise<void> {
  counts.manifestsRemoved = await countAll(leftoverManifests(ports, scope, options));
  counts.stagingRemoved = await countAll(leftoverStaging(ports, scope, options));
  const tally = new Tally(counts);
  const touched = await forecastUnreferenced(ports, { scope, tally }, options);
  forecastOrphans(orphans, tally);
  await forecastSparse(ports, { scope, tally, touched }, options);
  const abandoned = await ports.catalog.countAbandoned(scope.entity, options);
  counts.objectsAbandoned = abandoned.objects;
  const beforeMs = removableBefore(ports, scope);
  const over = await totalsOf(condemnedObjects(ports, { scope, beforeMs }, options));
  const all = await totalsOf(condemnedObjects(ports, { scope, beforeMs: ANY_TIME_MS }, options));
  const objects = tally.objects + abandoned.objects;
  const bytes = tally.bytes + abandoned.bytes;
  // What is condemned now is removed now only where there is no grace.
  const isNow = beforeMs === ANY_TIME_MS;
  counts.objectsRemoved = over.objects + (isNow ? objects : 0);
  counts.bytesRemoved = over.bytes + (isNow ? bytes : 0);
  counts.objectsInGrace = all.objects + objects - counts.objectsRemoved;
  counts.bytesInGrace = all.bytes + bytes - counts.bytesRemoved;
}

/** Adds up what would be condemned. */
class Tally {
  readonly counts: Counts;
  objects = 0;
  bytes = 0;

  constructor(counts: Counts) {
    this.counts = counts;
  }

  condemnBlobs(blobs: BlobTotals): void {
    this.counts.blobsCondemned += blobs.blobs;
    this.counts.bytesCondemned += blobs.bytes;
  }

  /** An object goes when nothing is left in it, or when what is left is moved to a new pack. */
  settle({ kind, sizeBytes, left }: Remainder): void {
    const isRewritten = left.blobs > 0 && kind === 'pack' && isWorthRewriting(sizeBytes, left);
    if (left.blobs > 0 && !isRewritten) return;
    if (isRewritten) this.counts.packsRewritten++;
    this.objects++;
    this.bytes += sizeBytes;
  }
}

/** Answers the objects that would lose blobs. */
async function forecastUnreferenced(
  ports: Pick<OperationPorts, 'catalog'>,
  { scope, tally }: { scope: Collection; tally: Tally },
  options: OperationOptions,
): Promise<ReadonlySet<number>> {
  const touched = new Set<number>();
  for (let after: number | undefined; ; ) {
    const page = await ports.catalog.listUnreferenced({ ...scope, after, limit: PAGE_ROWS }, options);
    for (const { objectId, kind, sizeBytes, unreferenced, live } of page) {
      touched.add(objectId);
      tally.condemnBlobs(unreferenced);
      tally.settle({ kind, sizeBytes, left: minus(live, unreferenced) });
    }
    after = page.at(-1)?.objectId;
    if (after === undefined || page.length < PAGE_ROWS) return touched;
  }
}

/** Packs that were sparse before. */
async function forecastSparse(
  ports: Pick<OperationPorts, 'catalog'>,
  { scope, tally, touched }: { scope: Collection; tally: Tally; touched: ReadonlySet<number> },
  options: OperationOptions,
): Promise<void> {
  const { entity } = scope;
  for (let after: number | undefined; ; ) {
    const request = { entity, liveShareBelow: SPARSE_BELOW, after, limit: PAGE_ROWS };
    const page = await ports.catalog.listSparsePacks(request, options);
    for (const { objectId, sizeBytes, liveBytes } of page) {
      if (touched.has(objectId)) continue;
      const { lengths } = await ports.catalog.listObjectBlobs(objectId, options);
      if (lengths.length === 0) continue;
      tally.settle({ kind: 'pack', sizeBytes, left: { blobs: lengths.length, bytes: liveBytes } });
    }
    after = page.at(-1)?.objectId;
    if (after === undefined || page.length < PAGE_ROWS) return;
  }
}

/** What is taken in counts as used now, so it is safe while an ingest is open that began before. */
function forecastOrphans({ orphans }: OrphanForecast, tally: Tally): void {
  const isKept = tally.counts.openIngests > 0;
  for (const { object, own, referenced } of orphans) {
    const left = isKept ? own : referenced;
    tally.condemnBlobs(minus(own, left));
    tally.settle({ kind: object.kind, sizeBytes: object.sizeBytes, left });
  }
}

function minus(from: BlobTotals, part: BlobTotals): BlobTotals {
  return { blobs: from.blobs - part.blobs, bytes: from.bytes - part.bytes };
}

async function countAll(leftovers: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of leftovers) count++;
  return count;
}
