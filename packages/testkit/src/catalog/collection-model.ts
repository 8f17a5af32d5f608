import type { IngestRecord, ShardRecord } from '@waybill/core';
import { expect } from 'vitest';
import {
  cancel,
  commitOf,
  digestsOf,
  EVER,
  needCommitted,
  newIngest,
  newShard,
  storePack,
  type TestedCatalog,
  uniqueName,
} from './catalog-fixture.ts';

export type CollectionAction =
  | { readonly kind: 'open' }
  | { readonly kind: 'store'; readonly pick: number; readonly contents: readonly number[] }
  | { readonly kind: 'prove'; readonly pick: number; readonly proof: number }
  | {
      readonly kind: 'commit' | 'cancel' | 'delete' | 'announce' | 'replan';
      readonly pick: number;
    }
  /** `between`: contents an ingest that opens while the collection runs asks for. */
  | { readonly kind: 'collect'; readonly between: readonly number[] | null };

interface OpenIngest {
  ingest: IngestRecord;
  shard: ShardRecord;
  /** Contents it was told are stored. */
  readonly needed: Set<number>;
}

interface Committed {
  readonly versionId: number;
  readonly sequence: number;
  readonly contents: readonly number[];
  deleted: boolean;
}

/**
 * One entity: ingests that rely on the index, versions that refer to it, and collections in between. Manifests are
 * lists of small numbers kept here.
 */
export class CollectionModel {
  readonly #catalog: TestedCatalog;
  readonly #entity = uniqueName();
  readonly #committed: Committed[] = [];
  #open: OpenIngest[] = [];

  constructor(catalog: TestedCatalog) {
    this.#catalog = catalog;
  }

  async apply(action: CollectionAction): Promise<void> {
    if (action.kind === 'collect') return this.#collect(action.between);
    if (action.kind !== 'open') return this.#work(action);
    await this.#openIngest();
  }

  async expectNeededIsThere(): Promise<void> {
    const versions = this.#committed.filter(({ deleted }) => !deleted);
    const needed = new Set([
      ...versions.flatMap(({ contents }) => contents),
      ...this.#open.flatMap(({ needed: contents }) => [...contents]),
    ]);
    const digests = digestsOf(...needed);
    const located = await this.#catalog.locate({ entity: this.#entity, algorithm: 'MD5', digests });
    for (const [row, content] of [...needed].entries()) {
      expect(located[row], `content ${content}`).toBeDefined();
    }
  }

  /** Objects of the entity after everything was deleted and collected. */
  async leftWhenNothingIsNeeded(): Promise<string[]> {
    for (const { ingest } of this.#open) await cancel(this.#catalog, ingest.ingestId);
    this.#open = [];
    for (const version of this.#committed.keys()) await this.#delete(version);
    await this.#collect(null);
    // What a rewrite left behind goes with the next collection.
    await this.#collect(null);
    const entity = this.#entity;
    const stored = await this.#catalog.listObjects({ entity, limit: 99 });
    const condemned = await this.#catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 99 });
    return [...stored, ...condemned].map(({ key }) => key);
  }

  async #openIngest(): Promise<OpenIngest> {
    const ingest = await this.#catalog.createIngest(newIngest({ entity: this.#entity, reuse: 'never' }));
    const opened = { ingest, shard: await this.#startShard(ingest), needed: new Set<number>() };
    this.#open.push(opened);
    return opened;
  }

  async #startShard(ingest: IngestRecord): Promise<ShardRecord> {
    const [added] = await this.#catalog.addShards(ingest, [newShard()]);
    const shard = await this.#catalog.startShard({ shardId: added?.shardId ?? 0, fence: ingest.fence });
    if (shard === undefined) throw new Error('the shard did not start');
    return shard;
  }

  async #work(action: Exclude<CollectionAction, { kind: 'open' | 'collect' }>): Promise<void> {
    if (action.kind === 'delete') return this.#delete(action.pick);
    const open = this.#open[action.pick % Math.max(1, this.#open.length)];
    if (open === undefined) return;
    switch (action.kind) {
      case 'store':
        return this.#store(open, action.contents);
      case 'prove':
        return this.#prove(open, action.proof);
      case 'commit':
        return this.#commit(open);
      case 'announce':
        return this.#announce(open);
      case 'replan':
        return this.#replan(open);
      case 'cancel':
        await cancel(this.#catalog, open.ingest.ingestId);
        this.#open = this.#open.filter((other) => other !== open);
    }
  }

  async #store(open: OpenIngest, contents: readonly number[]): Promise<void> {
    const digests = digestsOf(...contents);
    const batch = { entity: this.#entity, algorithm: 'MD5', digests } as const;
    const present = await this.#catalog.markUsed(batch);
    const missing = contents.filter((_, row) => present[row] === 0);
    if (missing.length > 0) await storePack(this.#catalog, { ...open, contents: missing });
    for (const content of contents) open.needed.add(content);
  }

  /** As the stat cache does: contents an earlier ingest recorded are taken without asking for them. */
  async #prove(open: OpenIngest, proof: number): Promise<void> {
    const earlier = this.#committed[proof];
    if (earlier === undefined) return;
    const proven = await this.#catalog.committedIngests([earlier.sequence], { entity: this.#entity });
    if (proven.length === 0) return;
    for (const content of earlier.contents) open.needed.add(content);
  }

  async #commit(open: OpenIngest): Promise<void> {
    const { ingestId } = open.ingest;
    const { shardId, attempt } = open.shard;
    await this.#catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'RUNNING' });
    const stats = { files: 0, bytes: 0, filesHashed: 0, bytesHashed: 0, blobsStored: 0, bytesStored: 0 };
    await this.#catalog.completeShard({ shardId, attempt, segment: undefined, stats, notices: [] });
    await this.#catalog.moveIngest({ ingestId, from: ['RUNNING'], to: 'FINALIZING' });
    const { version } = needCommitted(await this.#catalog.commitIngest(commitOf(open.ingest)));
    const contents = [...open.needed];
    const { sequence } = open.ingest;
    this.#committed.push({ versionId: version.versionId, sequence, contents, deleted: false });
    this.#open = this.#open.filter((other) => other !== open);
  }

  /** An object whose bytes never get there. */
  async #announce(open: OpenIngest): Promise<void> {
    const { ingestId } = open.ingest;
    const { shardId, attempt } = open.shard;
    const key = `${this.#entity}/packs/${uniqueName()}`;
    await this.#catalog.announceObject({
      entity: this.#entity,
      key,
      kind: 'pack',
      ingestId,
      shardId,
      attempt,
    });
  }

  async #replan(open: OpenIngest): Promise<void> {
    const { ingestId } = open.ingest;
    const again = await this.#catalog.moveIngest({
      ingestId,
      from: ['PLANNING'],
      to: 'PLANNING',
      newFence: true,
    });
    if (again === undefined) throw new Error('the ingest was not taken up');
    await this.#catalog.resetShards(again);
    open.ingest = again;
    open.shard = await this.#startShard(again);
  }

  async #delete(pick: number): Promise<void> {
    const version = this.#committed[pick];
    if (version === undefined || version.deleted) return;
    await this.#catalog.deleteVersion(version.versionId, { deleteAliases: true });
    version.deleted = true;
  }

  async #collect(between: readonly number[] | null): Promise<void> {
    const entity = this.#entity;
    const catalog = this.#catalog;
    const { collection, thresholdTick } = await catalog.beginCollection(entity);
    const scope = { entity, collection, thresholdTick };
    if (between !== null) await this.#store(await this.#openIngest(), between);
    await catalog.condemnAbandoned(entity);
    const retained = await catalog.listRetainedVersions({ entity, thresholdTick, limit: 999 });
    for (const { versionId } of retained) {
      const contents = this.#committed.find((version) => version.versionId === versionId)?.contents ?? [];
      await catalog.markReferenced({ ...scope, algorithm: 'MD5', digests: digestsOf(...contents) });
    }
    while ((await catalog.condemnUnreferenced({ ...scope, limit: 2 })).blobs > 0) {
      // Until nothing is left to condemn.
    }
    await this.#rewrite(collection);
    for (const { objectId } of await catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 99 })) {
      await catalog.dropObject(objectId);
    }
  }

  async #rewrite(collection: number): Promise<void> {
    const entity = this.#entity;
    const sparse = await this.#catalog.listSparsePacks({ entity, liveShareBelow: 0.6, limit: 99 });
    for (const { objectId: fromObjectId, algorithm } of sparse) {
      const key = `${entity}/packs/${uniqueName()}`;
      const toObjectId = await this.#catalog.announceRewrite({ entity, key, collection });
      const live = await this.#catalog.listObjectBlobs(fromObjectId);
      const blobs = { ...live, offsets: live.offsets.map((_, row) => row * 100) };
      const sizeBytes = blobs.offsets.length * 100;
      await this.#catalog.moveBlobs({ fromObjectId, toObjectId, algorithm, sizeBytes, blobs });
    }
  }
}
