import type { CollectableObject, ObjectInfo } from '@waybill/core';
import { holdMaintenance } from '../maintenance-lock.ts';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import type { CollectReport, CollectRequest } from '../results.ts';
import { adoptOrphans, everythingIsStored, removeOrphans } from './adopt-orphans.ts';
import {
  ANY_TIME_MS,
  type Collection,
  type Counts,
  condemnedObjects,
  removableBefore,
  totalsOf,
} from './condemned.ts';
import { forecast } from './forecast.ts';
import { leftoverManifests, leftoverStaging } from './leftovers.ts';
import { OrphanForecast } from './orphan-forecast.ts';
import { markRetained, PAGE_ROWS } from './retained-versions.ts';
import { rewritePack, SPARSE_BELOW } from './rewrite-pack.ts';

/** Blobs taken out of the index in one transaction. */
const CONDEMN_BLOBS = 5_000;

/**
 * Reclaims what nothing needs: marks the contents of every version that is COMMITTED or that an open ingest may rely on,
 * condemns other blobs (they count as missing from then on), rewrites packs that are mostly dead, and removes bytes
 * condemned longer ago than the grace period. Leftovers of ended ingests and deleted versions go too, by catalog state.
 *
 * It may run beside `put`s and be killed anywhere; of collections, rebuilds and repairs only one runs at a time. Nothing
 * is condemned before every manifest was read and found right.
 *
 * @throws ArtifactError `BUSY`; `CORRUPT` or `MISSING_BLOB` for a version whose manifest cannot be read
 */
export async function collectGarbage(
  ports: OperationPorts,
  request: CollectRequest,
  options: OperationOptions = {},
): Promise<CollectReport[]> {
  await using _ = request.dryRun ? undefined : await holdMaintenance(ports);
  const entities =
    request.entity === undefined ? await ports.catalog.listEntities(options) : [request.entity];
  const reports: CollectReport[] = [];
  for (const entity of entities) reports.push(await collectEntity(ports, { ...request, entity }, options));
  return reports;
}

async function collectEntity(
  ports: OperationPorts,
  request: { dryRun: boolean; graceMs: number; entity: string },
  options: OperationOptions,
): Promise<CollectReport> {
  const { entity, graceMs, dryRun } = request;
  const orphans = dryRun ? new OrphanForecast() : undefined;
  // Before the collection begins: what is taken in counts as used now, and is collected if it is not referred to.
  const taken = await adoptOrphans(ports, { entity, forecast: orphans }, options);
  ports.faults.reach('gc.begin');
  const { openIngests, ...begun } = await ports.catalog.beginCollection(entity, options);
  const counts = emptyReport(entity, openIngests);
  const scope: Collection = { ...begun, entity, graceMs };
  counts.orphansAdopted = taken.adopted;
  counts.versionsKept = await markRetained(ports, { ...scope, orphans }, options);
  if (orphans === undefined) await reclaim(ports, { scope, counts }, options);
  else await forecast(ports, { scope, counts, orphans }, options);
  const { unreadable } = taken;
  // Only once it is certain that no version misses anything that could be salvaged from them.
  const removable = unreadable.length > 0 && (await everythingIsStored(ports, { scope, orphans }, options));
  if (removable && !dryRun) await removeOrphans(ports, unreadable, options);
  if (removable) counts.orphansRemoved = unreadable.length;
  else counts.orphansLeft = unreadable.length;
  return counts;
}

/** In the reverse order of creation: manifests, what was staged, and the blobs at last. */
async function reclaim(
  ports: OperationPorts,
  { scope, counts }: { scope: Collection; counts: Counts },
  options: OperationOptions,
): Promise<void> {
  const remove = (step: string, leftovers: AsyncIterable<ObjectInfo>) =>
    removeAll(ports, { step, leftovers }, options);
  counts.manifestsRemoved = await remove('gc.sweep.manifest', leftoverManifests(ports, scope, options));
  counts.stagingRemoved = await remove('gc.sweep.staging', leftoverStaging(ports, scope, options));
  await condemn(ports, { scope, counts }, options);
  await rewriteSparse(ports, { scope, counts }, options);
  await removeCondemned(ports, { scope, counts }, options);
}

async function condemn(
  ports: OperationPorts,
  { scope, counts }: { scope: Collection; counts: Counts },
  options: OperationOptions,
): Promise<void> {
  for (;;) {
    ports.faults.reach('gc.condemn');
    const { blobs, bytes } = await ports.catalog.condemnUnreferenced(
      { ...scope, limit: CONDEMN_BLOBS },
      options,
    );
    if (blobs === 0) break;
    counts.blobsCondemned += blobs;
    counts.bytesCondemned += bytes;
    const progress = { total: undefined, bytesDone: counts.bytesCondemned, bytesTotal: undefined };
    options.onProgress?.({ step: 'condemn', done: counts.blobsCondemned, ...progress });
  }
  ports.faults.reach('gc.abandon');
  counts.objectsAbandoned = await ports.catalog.condemnAbandoned(scope.entity, options);
}

async function rewriteSparse(
  ports: OperationPorts,
  { scope, counts }: { scope: Collection; counts: Counts },
  options: OperationOptions,
): Promise<void> {
  const { entity, collection } = scope;
  const damaged: string[] = [];
  let after: number | undefined;
  for (;;) {
    const page = { after, limit: PAGE_ROWS };
    const packs = await ports.catalog.listSparsePacks(
      { entity, liveShareBelow: SPARSE_BELOW, ...page },
      options,
    );
    for (const pack of packs) {
      const outcome = await rewritePack(ports, { entity, collection, pack }, options);
      if (outcome === 'rewritten') counts.packsRewritten++;
      if (outcome === 'damaged') damaged.push(pack.key);
    }
    after = packs.at(-1)?.objectId;
    if (after === undefined || packs.length < PAGE_ROWS) break;
  }
  counts.packsDamaged = damaged;
}

async function removeCondemned(
  ports: OperationPorts,
  { scope, counts }: { scope: Collection; counts: Counts },
  options: OperationOptions,
): Promise<void> {
  const beforeMs = removableBefore(ports, scope);
  for await (const object of condemnedObjects(ports, { scope, beforeMs }, options)) {
    if (!(await isCondemned(ports, { scope, object }, options))) continue;
    ports.faults.reach('gc.remove.bytes');
    await ports.store.remove(object.key, options);
    ports.faults.reach('gc.remove.row');
    await ports.catalog.dropObject(object.objectId, options);
    counts.objectsRemoved++;
    counts.bytesRemoved += object.sizeBytes;
    const progress = { total: undefined, bytesDone: counts.bytesRemoved, bytesTotal: undefined };
    options.onProgress?.({ step: 'remove', done: counts.objectsRemoved, ...progress });
  }
  const left = await totalsOf(condemnedObjects(ports, { scope, beforeMs: ANY_TIME_MS }, options));
  counts.objectsInGrace = left.objects;
  counts.bytesInGrace = left.bytes;
}

/** Asked right before the bytes go: the page may be old, and a rebuild have taken the object in again since. */
async function isCondemned(
  ports: Pick<OperationPorts, 'catalog'>,
  { scope, object }: { scope: Collection; object: CollectableObject },
  options: OperationOptions,
): Promise<boolean> {
  const page = { condemnedBeforeMs: ANY_TIME_MS, after: object.objectId - 1, limit: 1 };
  const [now] = await ports.catalog.listCondemned({ entity: scope.entity, ...page }, options);
  return now?.objectId === object.objectId && now.key === object.key;
}

async function removeAll(
  ports: OperationPorts,
  { step, leftovers }: { step: string; leftovers: AsyncIterable<ObjectInfo> },
  options: OperationOptions,
): Promise<number> {
  let removed = 0;
  for await (const { key } of leftovers) {
    ports.faults.reach(step);
    await ports.store.remove(key, options);
    removed++;
  }
  return removed;
}

function emptyReport(entity: string, openIngests: number): Counts {
  return {
    entity,
    versionsKept: 0,
    blobsCondemned: 0,
    bytesCondemned: 0,
    objectsAbandoned: 0,
    packsRewritten: 0,
    packsDamaged: [],
    objectsRemoved: 0,
    bytesRemoved: 0,
    objectsInGrace: 0,
    bytesInGrace: 0,
    manifestsRemoved: 0,
    stagingRemoved: 0,
    orphansAdopted: 0,
    orphansRemoved: 0,
    orphansLeft: 0,
    openIngests,
    advice: adviceFor(openIngests),
  };
}

function adviceFor(openIngests: number): string {
  if (openIngests === 0) return '';
  const ingests = openIngests === 1 ? '1 ingest is' : `${openIngests} ingests are`;
  return `${ingests} open; what was stored or deleted since the oldest began is kept. \`waybill resume\` lists them, \`waybill resume INGEST\` finishes one, \`waybill cancel INGEST\` gives it up`;
}
