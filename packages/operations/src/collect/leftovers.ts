import { type ObjectInfo, OPEN_INGEST_STATES, parseIngestOfKey, storeKeys } from '@waybill/core';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';

/** Keys asked about in one call. */
const KEYS_PER_CALL = 500;

type LeftoverPorts = Pick<OperationPorts, 'catalog' | 'store'>;

export interface LeftoverScope {
  readonly entity: string;
  readonly thresholdTick: number;
}

/**
 * Manifests that no version refers to and no open ingest may still commit: of deleted versions, of ingests that ended,
 * of executions that lost. By catalog state, never by age.
 */
export async function* leftoverManifests(
  ports: LeftoverPorts,
  scope: LeftoverScope,
  options: OperationOptions,
): AsyncGenerator<ObjectInfo> {
  const ingests = new OpenIngests(ports, options);
  for await (const object of ports.store.list(storeKeys.manifests(scope.entity), options)) {
    if (await ingests.isOpen(object.key)) continue;
    // Asked behind the ingest's state: a version appears in the same transaction in which its ingest ends.
    if (!(await ports.catalog.manifestInUse(object.key, scope.thresholdTick, options))) yield object;
  }
}

/** Staged objects whose ingest ended, or which no ingest owns. */
export async function* leftoverStaging(
  ports: LeftoverPorts,
  scope: LeftoverScope,
  options: OperationOptions,
): AsyncGenerator<ObjectInfo> {
  const ingests = new OpenIngests(ports, options);
  for await (const object of ports.store.list(storeKeys.stagings(scope.entity), options)) {
    if (!(await ingests.isOpen(object.key))) yield object;
  }
}

/** Packs and blob objects that no row of the index names. */
export async function* orphans(
  ports: LeftoverPorts,
  scope: { readonly entity: string },
  options: OperationOptions,
): AsyncGenerator<ObjectInfo> {
  for (const prefix of [storeKeys.packs(scope.entity), storeKeys.blobs(scope.entity)]) {
    let seen = new Map<string, ObjectInfo>();
    for await (const object of ports.store.list(prefix, options)) {
      seen.set(object.key, object);
      if (seen.size < KEYS_PER_CALL) continue;
      yield* unknown(ports, { entity: scope.entity, seen }, options);
      seen = new Map();
    }
    yield* unknown(ports, { entity: scope.entity, seen }, options);
  }
}

async function* unknown(
  ports: LeftoverPorts,
  asked: { entity: string; seen: ReadonlyMap<string, ObjectInfo> },
  options: OperationOptions,
): AsyncGenerator<ObjectInfo> {
  if (asked.seen.size === 0) return;
  const keys = [...asked.seen.keys()];
  for (const key of await ports.catalog.unknownObjects({ entity: asked.entity, keys }, options)) {
    const object = asked.seen.get(key);
    if (object !== undefined) yield object;
  }
}

/** Keys of one ingest follow each other, so one answer is remembered. */
class OpenIngests {
  readonly #ports: LeftoverPorts;
  readonly #options: OperationOptions;
  #ingestId: string | undefined;
  #open = false;

  constructor(ports: LeftoverPorts, options: OperationOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  async isOpen(key: string): Promise<boolean> {
    const ingestId = parseIngestOfKey(key);
    if (ingestId === undefined) return false;
    if (ingestId !== this.#ingestId) {
      const ingest = await this.#ports.catalog.getIngest(ingestId, this.#options);
      this.#open = ingest !== undefined && OPEN_INGEST_STATES.includes(ingest.state);
      this.#ingestId = ingestId;
    }
    return this.#open;
  }
}
