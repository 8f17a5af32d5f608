import { leftoverManifests, leftoverStaging, orphans } from '../collect/leftovers.ts';
import { holdMaintenance } from '../maintenance-lock.ts';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import type { CheckRequest, CheckResult, StoreFinding } from '../results.ts';
import { checkObjects } from './check-objects.ts';
import { checkVersions } from './check-versions.ts';
import { DamagedContents, type EntityCheck, noCounts } from './entity-check.ts';

/**
 * Reads everything stored back and verifies it: each object's blobs by their digests, each pack's list of blobs, each
 * version's manifest by its logical digest, and that the index has every content a version needs. Yields what is wrong
 * as it is found; damaged contents are named again with the versions and paths that need them. Leftovers that nothing
 * refers to are listed too, but do no harm.
 *
 * With `repair`, damaged contents are taken out of the index: versions that need them miss them from then on, until the
 * next `put` of the same content stores it anew. A pack whose list of blobs is damaged is written anew.
 *
 * @throws ArtifactError `BUSY`, with `repair` only
 */
export async function* checkStore(
  ports: OperationPorts,
  request: CheckRequest,
  options: OperationOptions = {},
): AsyncGenerator<StoreFinding, CheckResult> {
  await using _ = request.repair ? await holdMaintenance(ports) : undefined;
  const entities =
    request.entity === undefined ? await ports.catalog.listEntities(options) : [request.entity];
  const counts = noCounts();
  for (const entity of entities) {
    // Nothing is collected: this only tells which deleted versions an open ingest may still rely on.
    const { collection, thresholdTick } = await ports.catalog.beginCollection(entity, options);
    const { repair } = request;
    const check: EntityCheck = {
      entity,
      collection,
      thresholdTick,
      repair,
      counts,
      damaged: new DamagedContents(),
    };
    yield* checkObjects(ports, check, options);
    yield* checkVersions(ports, check, options);
    yield* checkLeftovers(ports, check, options);
  }
  const { damagedBlobs, damagedObjects, damagedManifests, damagedEntries } = counts;
  return { ok: damagedBlobs + damagedObjects + damagedManifests + damagedEntries === 0, ...counts };
}

async function* checkLeftovers(
  ports: OperationPorts,
  check: EntityCheck,
  options: OperationOptions,
): AsyncGenerator<StoreFinding> {
  for (const find of [leftoverManifests, leftoverStaging, orphans]) {
    for await (const { key, sizeBytes } of find(ports, check, options)) {
      check.counts.leftovers++;
      yield { kind: 'leftover', key, sizeBytes };
    }
  }
}
