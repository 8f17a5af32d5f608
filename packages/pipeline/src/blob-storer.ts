import {
  type BlobIndex,
  type BlobRows,
  type BlobStore,
  DIGEST_BYTES,
  type DigestAlgorithm,
  type Digests,
  type DraftWriter,
  digestToHex,
  encodePackFooter,
  type FaultPoints,
  LIMITS,
  type ObjectDraft,
  type PackedRegion,
  type PackRegion,
  type Random,
  storeKeys,
} from '@waybill/core';
import type { StoringSet } from './storing-set.ts';

interface StorerPorts {
  readonly store: BlobStore;
  readonly index: BlobIndex;
  readonly drafts: DraftWriter;
  readonly digests: Digests;
  readonly random: Random;
  readonly faults: FaultPoints;
}

/** Bytes written into a pack after which the disk is told to begin with them. */
const FLUSH_BYTES = 8_388_608;

/** The attempt at a shard that stores. */
interface Owner {
  readonly entity: string;
  readonly ingestId: string;
  readonly shardId: number;
  readonly attempt: number;
  readonly algorithm: DigestAlgorithm;
}

interface OpenPack {
  readonly index: number;
  readonly draft: ObjectDraft;
  readonly rows: BlobRows[];
  usedBytes: number;
  unflushedBytes: number;
}

/**
 * Stores contents for one attempt at a shard: small ones in packs, large ones as objects. An object is announced,
 * made durable under its key, then recorded; only then is a content known to be stored.
 */
export class BlobStorer implements AsyncDisposable {
  readonly #ports: StorerPorts;
  readonly #owner: Owner;
  readonly #storing: StoringSet;
  readonly #signal: AbortSignal;
  /** Reserved by this attempt, not settled yet. */
  readonly #reserved = new Set<string>();
  readonly #awaited = new Set<Promise<void>>();
  readonly #sealing: Promise<void>[] = [];
  readonly #packs = new Map<number, OpenPack>();
  #current: OpenPack | undefined;
  #nextPack = 0;
  #blobsStored = 0;
  #bytesStored = 0;

  constructor(storer: { ports: StorerPorts; owner: Owner; storing: StoringSet; signal: AbortSignal }) {
    this.#ports = storer.ports;
    this.#owner = storer.owner;
    this.#storing = storer.storing;
    this.#signal = storer.signal;
  }

  get stored(): { blobsStored: number; bytesStored: number } {
    return { blobsStored: this.#blobsStored, bytesStored: this.#bytesStored };
  }

  /**
   * Takes on those of the contents that are neither stored nor on their way: a byte for each, 1 for those this
   * caller has to store now. The same content twice in one call is taken on once.
   */
  async claim(digests: Uint8Array): Promise<Uint8Array> {
    const count = digests.length / DIGEST_BYTES;
    const wanted = new Uint8Array(count);
    const asked: number[] = [];
    const keys: string[] = [];
    for (let index = 0; index < count; index++) {
      const key = digestKey(digests, index);
      keys.push(key);
      if (this.#storing.isKnown(key) || this.#reserved.has(key)) continue;
      const pending = this.#storing.pending(key);
      if (pending !== undefined) {
        this.#awaited.add(pending);
        continue;
      }
      this.#storing.reserve(key);
      this.#reserved.add(key);
      asked.push(index);
    }
    const present = await this.present(pick(digests, asked));
    for (const [row, index] of asked.entries()) {
      if (present[row] === 1) this.#settle(keys[index] ?? '');
      else wanted[index] = 1;
    }
    return wanted;
  }

  /** Which contents are stored; those are marked used. */
  async present(digests: Uint8Array): Promise<Uint8Array> {
    if (digests.length === 0) return new Uint8Array(0);
    const { entity, algorithm } = this.#owner;
    return this.#ports.index.markUsed({ entity, algorithm, digests }, { signal: this.#signal });
  }

  /** Room for contents that belong together, in the current pack or a new one. */
  async allocate(bytes: number): Promise<PackRegion> {
    if (this.#current !== undefined && this.#current.usedBytes + bytes > LIMITS.packBytes)
      this.#current = undefined;
    this.#current ??= await this.#openPack();
    const offset = this.#current.usedBytes;
    this.#current.usedBytes += bytes;
    return { packIndex: this.#current.index, draftPath: this.#current.draft.path, offset };
  }

  /** Records what a batch has put into its regions; packs that are full are sealed meanwhile. */
  written(regions: readonly PackedRegion[]): void {
    for (const region of regions) {
      const pack = this.#packs.get(region.packIndex);
      pack?.rows.push(region.blobs);
      if (pack !== undefined) flushNow(pack, region.blobs);
    }
    for (const pack of this.#packs.values()) if (pack !== this.#current) this.#sealLater(pack);
  }

  /** Makes a draft that holds one content an object of its own, or drops it when the content is stored already. */
  async storeLarge(blob: { draft: ObjectDraft; digest: Uint8Array; sizeBytes: number }): Promise<void> {
    const [wanted] = await this.claim(blob.digest);
    if (wanted !== 1) return;
    const { entity, algorithm } = this.#owner;
    const name = { algorithm, hex: digestToHex(blob.digest), unique: this.#ports.random.uniqueName() };
    const rows = {
      digests: blob.digest,
      offsets: Float64Array.of(0),
      lengths: Float64Array.of(blob.sizeBytes),
    };
    const key = storeKeys.blob(entity, name);
    await this.#publish({ key, kind: 'blob', draft: blob.draft, sizeBytes: blob.sizeBytes, rows });
  }

  /** Seals every pack and waits for contents that others took on: after this, all of it is stored. */
  async finish(): Promise<void> {
    this.#current = undefined;
    for (const pack of this.#packs.values()) this.#sealLater(pack);
    await Promise.all(this.#sealing);
    await Promise.all(this.#awaited);
  }

  /** Drops drafts that were not published, and tells those who wait for their contents. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#sealing);
    for (const pack of this.#packs.values()) await pack.draft[Symbol.asyncDispose]();
    const error = new Error(`shard ${this.#owner.shardId} gave up storing this content`);
    for (const key of this.#reserved) this.#storing.fail(key, error);
  }

  async #openPack(): Promise<OpenPack> {
    this.#ports.faults.reach('shard.pack.open');
    const { entity, ingestId } = this.#owner;
    const draft = await this.#ports.store.createDraft({ entity, ingestId, signal: this.#signal });
    const pack = { index: this.#nextPack++, draft, rows: [], usedBytes: 0, unflushedBytes: 0 };
    this.#packs.set(pack.index, pack);
    return pack;
  }

  #sealLater(pack: OpenPack): void {
    this.#packs.delete(pack.index);
    const sealed = this.#seal(pack);
    sealed.catch(() => undefined);
    this.#sealing.push(sealed);
  }

  async #seal(pack: OpenPack): Promise<void> {
    await using draft = pack.draft;
    const rows = joinRows(pack.rows);
    const footer = encodePackFooter(
      { algorithm: this.#owner.algorithm, blobs: rows, blobBytes: pack.usedBytes },
      (bytes) => this.#ports.digests.crc32(bytes),
    );
    this.#ports.faults.reach('shard.pack.footer');
    this.#ports.drafts.write(draft.path, pack.usedBytes, [footer]);
    const key = storeKeys.pack(this.#owner.entity, this.#ports.random.uniqueName());
    await this.#publish({ key, kind: 'pack', draft, sizeBytes: pack.usedBytes + footer.length, rows });
  }

  async #publish(object: {
    key: string;
    kind: 'pack' | 'blob';
    draft: ObjectDraft;
    sizeBytes: number;
    rows: BlobRows;
  }): Promise<void> {
    const { key, kind, sizeBytes, rows } = object;
    const { entity, algorithm, ingestId, shardId, attempt } = this.#owner;
    const options = { signal: this.#signal };
    this.#ports.faults.reach('shard.object.announce');
    const objectId = await this.#ports.index.announceObject(
      { entity, key, kind, ingestId, shardId, attempt },
      options,
    );
    this.#ports.faults.reach('shard.object.publish');
    await object.draft.publish(key, options);
    this.#ports.faults.reach('shard.object.record');
    // Without the signal: what has been published is recorded even by an ingest that was stopped meanwhile, or its
    // bytes would be stored twice, and take room until the next collection.
    await this.#ports.index.recordObject({ objectId, entity, algorithm, sizeBytes, blobs: rows });
    for (let row = 0; row < rows.lengths.length; row++) this.#settle(digestKey(rows.digests, row));
    this.#blobsStored += rows.lengths.length;
    this.#bytesStored += rows.lengths.reduce((sum, length) => sum + length, 0);
  }

  #settle(key: string): void {
    this.#reserved.delete(key);
    this.#storing.settle(key);
  }
}

/** The disk works while files are hashed, not only when the pack is full. */
function flushNow(pack: OpenPack, blobs: BlobRows): void {
  for (const length of blobs.lengths) pack.unflushedBytes += length;
  if (pack.unflushedBytes < FLUSH_BYTES) return;
  pack.unflushedBytes = 0;
  pack.draft.flush();
}

/** A raw digest as a short string, for sets. */
function digestKey(digests: Uint8Array, index: number): string {
  const start = index * DIGEST_BYTES;
  return String.fromCharCode(...digests.subarray(start, start + DIGEST_BYTES));
}

function pick(digests: Uint8Array, indexes: readonly number[]): Uint8Array {
  const picked = new Uint8Array(indexes.length * DIGEST_BYTES);
  for (const [row, index] of indexes.entries()) {
    picked.set(digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES), row * DIGEST_BYTES);
  }
  return picked;
}

function joinRows(parts: readonly BlobRows[]): BlobRows {
  const count = parts.reduce((sum, part) => sum + part.offsets.length, 0);
  const digests = new Uint8Array(count * DIGEST_BYTES);
  const offsets = new Float64Array(count);
  const lengths = new Float64Array(count);
  let row = 0;
  for (const part of parts) {
    digests.set(part.digests, row * DIGEST_BYTES);
    offsets.set(part.offsets, row);
    lengths.set(part.lengths, row);
    row += part.offsets.length;
  }
  return { digests, offsets, lengths };
}
