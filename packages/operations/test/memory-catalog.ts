import {
  ArtifactError,
  type BlobIndex,
  type BlobLocation,
  type BlobRows,
  type Catalog,
  type DigestAlgorithm,
  OPEN_INGEST_STATES,
  type VersionRecord,
} from '@waybill/core';
import { type BlobRow, type DigestBatch, keyOf, type ObjectRow, sum } from './memory-rows.ts';
import { MemoryVersions, type StoredVersion } from './memory-versions.ts';

interface PageOf {
  readonly entity: string;
  readonly after?: number | undefined;
  readonly limit: number;
}

/** The catalog the use cases see, in memory: ticks, states and marks as the ports describe them. */
export class MemoryCatalog extends MemoryVersions implements BlobIndex {
  readonly catalogId = 'memory';
  readonly objects = new Map<number, ObjectRow>();
  readonly blobs = new Map<string, BlobRow>();
  #collection = 0;

  /** For code that asks for the whole catalog: what is not here throws. */
  asCatalog(): Catalog & BlobIndex {
    return this as unknown as Catalog & BlobIndex;
  }

  markUsed(batch: DigestBatch): Promise<Uint8Array> {
    const found = this.#find(batch);
    for (const blob of found) if (blob !== undefined) this.#object(blob.objectId).usedTick = this.tick;
    return Promise.resolve(Uint8Array.from(found, (blob) => (blob === undefined ? 0 : 1)));
  }

  locate(batch: DigestBatch) {
    const locations = this.#find(batch).map((blob): BlobLocation | undefined =>
      blob === undefined
        ? undefined
        : { key: this.#object(blob.objectId).key, offset: blob.offset, length: blob.length },
    );
    return Promise.resolve(locations);
  }

  announceObject(object: {
    entity: string;
    key: string;
    kind: 'pack' | 'blob';
    ingestId?: string;
  }): Promise<number> {
    const { entity, key, kind, ingestId } = object;
    return Promise.resolve(this.#addObject({ entity, key, kind, ingestId, collection: undefined }));
  }

  recordObject(object: {
    objectId: number;
    algorithm: DigestAlgorithm;
    sizeBytes: number;
    blobs: BlobRows;
  }): Promise<number> {
    const row = this.#object(object.objectId);
    if (row.state !== 'WRITING')
      return Promise.reject(new ArtifactError('STATE_CONFLICT', `${row.key} was given up`));
    return Promise.resolve(this.#fill(row, object));
  }

  forgetObject(objectId: number): Promise<void> {
    this.objects.delete(objectId);
    return Promise.resolve();
  }

  beginCollection(
    entity: string,
  ): Promise<{ collection: number; thresholdTick: number; openIngests: number }> {
    this.tick++;
    this.#collection++;
    const open = [...this.ingests.values()].filter(
      (ingest) => ingest.artifact.entity === entity && OPEN_INGEST_STATES.includes(ingest.state),
    );
    const thresholdTick = Math.min(this.tick, ...open.map(({ openedTick }) => openedTick));
    return Promise.resolve({ collection: this.#collection, thresholdTick, openIngests: open.length });
  }

  listRetainedVersions(scope: {
    entity: string;
    thresholdTick: number;
    after?: number | undefined;
    limit: number;
  }) {
    const { entity, thresholdTick, after = 0, limit } = scope;
    const found = this.versions.filter(
      (version) =>
        version.entity === entity &&
        version.versionId > after &&
        (version.state === 'COMMITTED' || version.deletedTick >= thresholdTick),
    );
    return Promise.resolve(found.slice(0, limit).map((version): VersionRecord => ({ ...version })));
  }

  markReferenced(batch: {
    entity: string;
    collection: number;
    algorithm: DigestAlgorithm;
    digests: Uint8Array;
  }) {
    for (const blob of this.#find(batch))
      if (blob !== undefined) blob.mark = Math.max(blob.mark, batch.collection);
    return Promise.resolve();
  }

  async listUnreferenced(scope: PageOf & { collection: number; thresholdTick: number }) {
    const byObject = Map.groupBy(this.#unreferenced(scope), ({ objectId }) => objectId);
    const rows = await this.#listObjects(scope, ({ objectId }) => byObject.has(objectId));
    return rows.map((row) => ({
      ...row,
      unreferenced: sum(byObject.get(row.objectId) ?? []),
      live: sum(this.#blobsOf(row)),
    }));
  }

  condemnUnreferenced(scope: { entity: string; collection: number; thresholdTick: number; limit: number }) {
    const blobs = this.#unreferenced(scope).slice(0, scope.limit);
    for (const blob of blobs) this.#drop(blob);
    return Promise.resolve(sum(blobs));
  }

  condemnAbandoned(entity: string): Promise<number> {
    let count = 0;
    for (const row of this.#abandoned(entity)) {
      this.#condemn(row);
      count++;
    }
    return Promise.resolve(count);
  }

  countAbandoned(entity: string): Promise<{ objects: number; bytes: number }> {
    const rows = this.#abandoned(entity);
    return Promise.resolve({
      objects: rows.length,
      bytes: rows.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0),
    });
  }

  listCondemned(scope: {
    entity: string;
    condemnedBeforeMs: number;
    after?: number | undefined;
    limit: number;
  }) {
    return this.#listObjects(
      scope,
      (row) => row.state === 'CONDEMNED' && row.condemnedAtMs <= scope.condemnedBeforeMs,
    );
  }

  dropObject(objectId: number): Promise<void> {
    if (this.objects.get(objectId)?.state === 'CONDEMNED') this.objects.delete(objectId);
    return Promise.resolve();
  }

  async listSparsePacks(scope: {
    entity: string;
    liveShareBelow: number;
    after?: number | undefined;
    limit: number;
  }) {
    const rows = await this.#listObjects(
      scope,
      (row) =>
        row.state === 'STORED' &&
        row.kind === 'pack' &&
        this.#live(row) < row.sizeBytes * scope.liveShareBelow,
    );
    return rows.map((row) => ({ ...row, liveBytes: this.#live(row) }));
  }

  listObjectBlobs(objectId: number): Promise<BlobRows> {
    const rows = [...this.blobs.values()].filter((blob) => blob.objectId === objectId);
    // Empty blobs come behind their neighbour, where a sort by offset alone may put them.
    rows.sort((a, b) => a.offset - b.offset || b.length - a.length);
    return Promise.resolve({
      digests: Uint8Array.fromHex(rows.map(({ hex }) => hex).join('')),
      offsets: Float64Array.from(rows, ({ offset }) => offset),
      lengths: Float64Array.from(rows, ({ length }) => length),
    });
  }

  announceRewrite(object: { entity: string; key: string; collection: number }): Promise<number> {
    return Promise.resolve(this.#addObject({ ...object, kind: 'pack', ingestId: undefined }));
  }

  moveBlobs(move: {
    fromObjectId: number;
    toObjectId: number;
    algorithm: DigestAlgorithm;
    sizeBytes: number;
    blobs: BlobRows;
  }) {
    return Promise.try(() => {
      const to = this.#object(move.toObjectId);
      if (to.state !== 'WRITING') throw new ArtifactError('STATE_CONFLICT', `${to.key} was given up`);
      Object.assign(to, {
        state: 'STORED',
        sizeBytes: move.sizeBytes,
        algorithm: move.algorithm,
        usedTick: this.tick,
      });
      for (const [row, offset] of move.blobs.offsets.entries()) {
        const hex = move.blobs.digests.subarray(row * 16, row * 16 + 16).toHex();
        const blob = this.blobs.get(keyOf(to.entity, move.algorithm, hex));
        if (blob?.objectId === move.fromObjectId) Object.assign(blob, { objectId: move.toObjectId, offset });
      }
      this.#condemnIfEmpty(this.#object(move.fromObjectId));
    });
  }

  listObjects(scope: PageOf) {
    return this.#listObjects(scope, (row) => row.state === 'STORED');
  }

  unknownObjects(scope: { keys: readonly string[] }): Promise<string[]> {
    const known = new Set([...this.objects.values()].map(({ key }) => key));
    return Promise.resolve(scope.keys.filter((key) => !known.has(key)));
  }

  manifestInUse(key: string, thresholdTick: number): Promise<boolean> {
    const uses = (version: StoredVersion) =>
      version.manifest.key === key && (version.state === 'COMMITTED' || version.deletedTick >= thresholdTick);
    return Promise.resolve(this.versions.some(uses));
  }

  dropBlobs(batch: DigestBatch & { readonly objectId?: number }): Promise<number> {
    const isIn = (blob: BlobRow) => batch.objectId === undefined || blob.objectId === batch.objectId;
    const found = this.#find(batch).filter((blob) => blob !== undefined && isIn(blob)) as BlobRow[];
    for (const blob of found) this.#drop(blob);
    return Promise.resolve(found.length);
  }

  resetIndex(entity: string): Promise<void> {
    for (const row of this.objects.values()) if (row.entity === entity) this.objects.delete(row.objectId);
    for (const [key, blob] of this.blobs) if (blob.entity === entity) this.blobs.delete(key);
    return Promise.resolve();
  }

  adoptObject(object: {
    entity: string;
    key: string;
    kind: 'pack' | 'blob';
    algorithm: DigestAlgorithm;
    sizeBytes: number;
    blobs: BlobRows;
  }) {
    return Promise.try(() => {
      const objectId = this.#addObject({ ...object, ingestId: undefined, collection: undefined });
      this.#fill(this.#object(objectId), object);
      return objectId;
    });
  }

  listEntities(): Promise<string[]> {
    return Promise.resolve([...new Set([...this.ingests.values()].map(({ artifact }) => artifact.entity))]);
  }

  #find(batch: DigestBatch): (BlobRow | undefined)[] {
    const { entity, algorithm, digests } = batch;
    const rows = digests.length / 16;
    return Array.from({ length: rows }, (_, row) =>
      this.blobs.get(keyOf(entity, algorithm, digests.subarray(row * 16, row * 16 + 16).toHex())),
    );
  }

  #addObject(object: Pick<ObjectRow, 'entity' | 'key' | 'kind' | 'ingestId' | 'collection'>): number {
    if ([...this.objects.values()].some(({ key }) => key === object.key)) {
      throw new ArtifactError('OBJECT_EXISTS', `${object.key} is known`);
    }
    const objectId = this.nextId();
    const { entity, key, kind, ingestId, collection } = object;
    const blank = {
      state: 'WRITING',
      algorithm: 'MD5',
      sizeBytes: 0,
      usedTick: 0,
      condemnedAtMs: 0,
    } as const;
    this.objects.set(objectId, { objectId, entity, key, kind, ingestId, collection, ...blank });
    return objectId;
  }

  /** Gives the object the blobs nobody else has. */
  #fill(row: ObjectRow, object: { algorithm: DigestAlgorithm; sizeBytes: number; blobs: BlobRows }): number {
    const { algorithm, sizeBytes, blobs } = object;
    Object.assign(row, { state: 'STORED', algorithm, sizeBytes, usedTick: this.tick });
    const { entity, objectId } = row;
    let count = 0;
    for (const [at, offset] of blobs.offsets.entries()) {
      const hex = blobs.digests.subarray(at * 16, at * 16 + 16).toHex();
      const key = keyOf(entity, algorithm, hex);
      if (this.blobs.has(key)) continue;
      this.blobs.set(key, {
        entity,
        algorithm,
        hex,
        objectId,
        offset,
        length: blobs.lengths[at] ?? 0,
        mark: 0,
      });
      count++;
    }
    this.#condemnIfEmpty(row);
    return count;
  }

  #unreferenced(scope: { entity: string; collection: number; thresholdTick: number }): BlobRow[] {
    return [...this.blobs.values()].filter(
      (blob) =>
        blob.entity === scope.entity &&
        blob.mark < scope.collection &&
        this.#object(blob.objectId).usedTick < scope.thresholdTick,
    );
  }

  #drop(blob: BlobRow): void {
    this.blobs.delete(keyOf(blob.entity, blob.algorithm, blob.hex));
    this.#condemnIfEmpty(this.#object(blob.objectId));
  }

  #condemnIfEmpty(row: ObjectRow): void {
    if (row.state === 'STORED' && ![...this.blobs.values()].some(({ objectId }) => objectId === row.objectId))
      this.#condemn(row);
  }

  #condemn(row: ObjectRow): void {
    row.state = 'CONDEMNED';
    row.condemnedAtMs = this.nowMs;
  }

  #abandoned(entity: string): ObjectRow[] {
    return [...this.objects.values()].filter((row) => {
      if (row.entity !== entity || row.state !== 'WRITING') return false;
      if (row.ingestId === undefined) return row.collection !== this.#collection;
      const ingest = this.ingests.get(row.ingestId);
      return ingest === undefined || !OPEN_INGEST_STATES.includes(ingest.state);
    });
  }

  #blobsOf(row: ObjectRow): BlobRow[] {
    return [...this.blobs.values()].filter(({ objectId }) => objectId === row.objectId);
  }

  #live(row: ObjectRow): number {
    return sum(this.#blobsOf(row)).bytes;
  }

  #listObjects(scope: PageOf, wanted: (row: ObjectRow) => boolean): Promise<ObjectRow[]> {
    const { entity, after = 0, limit } = scope;
    const rows = [...this.objects.values()].filter(
      (row) => row.entity === entity && row.objectId > after && wanted(row),
    );
    return Promise.resolve(rows.slice(0, limit).map((row) => ({ ...row })));
  }

  #object(objectId: number): ObjectRow {
    const row = this.objects.get(objectId);
    if (row === undefined) throw new ArtifactError('STATE_CONFLICT', `object ${objectId} is gone`);
    return row;
  }
}
