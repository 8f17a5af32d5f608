import {
  assertKeyPrefix,
  assertObjectKey,
  type BlobStore,
  type ByteRange,
  type CallOptions,
  isObjectKey,
  type ObjectDraft,
  type ObjectInfo,
  type ObjectKey,
  parseIngestOfKey,
  type Random,
  storeKeys,
  throwIfCancelled,
} from '@waybill/core';
import { listBucket } from './list-bucket.ts';
import { isDraftKey, LocalDrafts } from './local-drafts.ts';
import { abortUploads } from './multipart-upload.ts';
import { deleteObject, headObject } from './object-requests.ts';
import { ObjectWriter } from './object-writer.ts';
import { readInto, readStream } from './read-object.ts';
import type { S3Client } from './s3-client.ts';
import { openS3Client, type S3Connection } from './s3-connection.ts';
import { S3Draft } from './s3-draft.ts';
import { claimStore } from './store-claim.ts';

export interface S3StoreOptions extends S3Connection {
  /** Local folder where drafts are filled; made when the first one is. Only stores of one catalog may share it. */
  readonly stagingFolder: string;
  readonly random: Random;
}

/**
 * A blob store in a bucket of S3 or of a server that speaks its protocol, laid out as `docs/formats/store.md` says.
 * Any number of processes may use it. Nothing is asked of the server before the first call.
 *
 * @throws ArtifactError `INVALID_ARGUMENT` for a URL, region or endpoint that is none; `PERMISSION` without credentials
 */
export async function openS3Store(options: S3StoreOptions): Promise<BlobStore> {
  const client = await openS3Client(options);
  return new S3Store({ client, drafts: new LocalDrafts(options.stagingFolder), random: options.random });
}

class S3Store implements BlobStore {
  readonly description: string;
  readonly #client: S3Client;
  readonly #drafts: LocalDrafts;
  readonly #random: Random;
  readonly #writer: ObjectWriter;

  constructor(store: { client: S3Client; drafts: LocalDrafts; random: Random }) {
    this.description = `bucket ${store.client.store}`;
    this.#client = store.client;
    this.#drafts = store.drafts;
    this.#random = store.random;
    this.#writer = new ObjectWriter(store.client);
  }

  claim(catalogId: string, { signal }: CallOptions = {}): Promise<string> {
    return claimStore(this.#client, { catalogId, random: this.#random, signal });
  }

  async createDraft(options: { entity: string; ingestId: string } & CallOptions): Promise<ObjectDraft> {
    const staging = storeKeys.staging(options.entity, options.ingestId);
    const key = `${staging}draft-${this.#random.uniqueName()}`;
    assertObjectKey(key);
    throwIfCancelled(options.signal);
    return new S3Draft({
      key,
      path: await this.#drafts.create(key),
      drafts: this.#drafts,
      upload: (path, target, signal) => {
        assertObjectKey(target);
        return this.#writer.upload(path, target, signal);
      },
    });
  }

  async writeObject(
    key: ObjectKey,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): Promise<void> {
    assertObjectKey(key);
    await this.#writer.write(key, chunks, options);
  }

  async readRange(key: ObjectKey, range: ByteRange, { signal }: CallOptions = {}): Promise<Uint8Array> {
    assertObjectKey(key);
    throwIfCancelled(signal);
    const target = new Uint8Array(range.length);
    await readInto(this.#client, { target, offset: range.offset }, { key, signal });
    return target;
  }

  async *readStream(
    key: ObjectKey,
    { range, signal }: { range?: ByteRange } & CallOptions = {},
  ): AsyncGenerator<Uint8Array> {
    assertObjectKey(key);
    yield* readStream(this.#client, { key, range, signal });
  }

  async sizeOf(key: ObjectKey, { signal }: CallOptions = {}): Promise<number | undefined> {
    assertObjectKey(key);
    throwIfCancelled(signal);
    if (isDraftKey(key)) return this.#drafts.sizeOf(key);
    return (await headObject(this.#client, { key, signal }))?.sizeBytes;
  }

  /** Objects in the bucket, and the drafts of this machine among them. What is no key of ours is passed over. */
  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    assertKeyPrefix(prefix);
    throwIfCancelled(signal);
    const drafts = await this.#drafts.list(prefix);
    for await (const { key, sizeBytes } of listBucket(this.#client, { prefix, signal })) {
      throwIfCancelled(signal);
      if (!isObjectKey(key)) continue;
      for (let draft = drafts[0]; draft !== undefined && draft.key < key; draft = drafts[0]) {
        drafts.shift();
        yield draft;
      }
      yield { key, sizeBytes };
    }
    yield* drafts;
  }

  async remove(key: ObjectKey, { signal }: CallOptions = {}): Promise<void> {
    assertObjectKey(key);
    throwIfCancelled(signal);
    if (isDraftKey(key)) return this.#drafts.remove(key);
    // A process killed in the middle of an upload leaves its parts. They go with the object that was announced; what
    // is staged is small and removed by the thousand, so it is not asked about.
    if (parseIngestOfKey(key) === undefined) await abortUploads(this.#client, { key, signal });
    return deleteObject(this.#client, { key, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}
