import { randomBytes } from 'node:crypto';
import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blobStoreConformance, type RgwServer } from '@waybill/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesSource } from '../src/byte-source.ts';
import { createS3ThreadStore } from '../src/index.ts';
import { headObject, putObject } from '../src/object-requests.ts';
import type { S3Client } from '../src/s3-client.ts';
import { xmlElements } from '../src/scan-xml.ts';
import { expectCode } from './expect-code.ts';
import { TestBucket, urlOf } from './test-bucket.ts';

const MIB = 1_048_576;

/** What a store on a real server does. */
export function describeStore(server: RgwServer): void {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await TestBucket.create(server);
  });
  afterAll(() => bucket[Symbol.asyncDispose]());
  blobStoreConformance('a bucket', {
    open: () => bucket.open(),
    reopen: (store) => bucket.open(urlOf(store)),
    truncate: async (store, { key, sizeBytes }) => {
      await using client = await bucket.client(urlOf(store));
      client.knowsConditions = false;
      await putObject(client, bytesSource(new Uint8Array(sizeBytes)), { key, signal: undefined });
    },
  });
  describe('a bucket', () => {
    largeObjects(() => bucket);
    leftoverDrafts(() => bucket);
    claims(() => bucket);
    names(server, () => bucket);
    leftoverUploads(() => bucket);
    streams(() => bucket);
    threads(() => bucket);
  });
}

/** Uploads that were begun and neither completed nor given up. */
export async function openUploads(client: S3Client): Promise<string[]> {
  const request = { operation: 'list uploads', method: 'GET', query: [['uploads', '']] } as const;
  const xml = await client.send(request, ({ body }) => body.text());
  return [...xmlElements(xml, 'Upload')];
}

function largeObjects(bucket: () => TestBucket): void {
  test('takes large drafts and streams in parts', { timeout: 60_000 }, async () => {
    const url = bucket().newUrl();
    await using store = await bucket().open(url);
    await using client = await bucket().client(url);
    const bytes = randomBytes(85 * MIB + 1);
    await using draft = await store.createDraft({ entity: 'e', ingestId: 'i' });
    await writeFile(draft.path, bytes);
    await draft.publish('e/blobs/large');
    await store.writeObject('e/packs/stream', [bytes.subarray(0, 7), bytes.subarray(7, 40 * MIB)]);
    await store.writeObject('e/packs/whole', [bytes.subarray(0, 16 * MIB)]);
    const etags = ['e/blobs/large', 'e/packs/stream', 'e/packs/whole'].map(async (key) =>
      (await headObject(client, { key, signal: undefined }))?.etag?.slice(32),
    );
    expect(await Promise.all(etags)).toEqual(['-6', '-3', '']);
    const large = Buffer.concat(await Array.fromAsync(store.readStream('e/blobs/large')));
    expect(large.equals(bytes)).toBe(true);
    const stream = Buffer.concat(await Array.fromAsync(store.readStream('e/packs/stream')));
    expect(stream.equals(bytes.subarray(0, 40 * MIB))).toBe(true);
    expect(await openUploads(client)).toEqual([]);
  });

  test('gives up an upload whose producer fails or whose caller cancels', { timeout: 60_000 }, async () => {
    const url = bucket().newUrl();
    await using store = await bucket().open(url);
    await using client = await bucket().client(url);
    const problem = new Error('no more bytes');
    async function* produce(end: () => void): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 40; count++) yield new Uint8Array(MIB);
      end();
      for (let count = 0; count < 40; count++) yield new Uint8Array(MIB);
    }
    const failing = store.writeObject(
      'e/packs/failing',
      produce(() => {
        throw problem;
      }),
    );
    await expect(failing).rejects.toBe(problem);
    const cancelling = new AbortController();
    const chunks = produce(() => cancelling.abort());
    const { signal } = cancelling;
    await expectCode(() => store.writeObject('e/packs/cancelled', chunks, { signal }), 'CANCELLED');
    expect(await Array.fromAsync(store.list(''))).toEqual([]);
    expect(await openUploads(client)).toEqual([]);
  });

  test('refuses a key that is taken for parts as well', { timeout: 60_000 }, async () => {
    await using store = await bucket().open();
    await store.writeObject('e/packs/taken', [new Uint8Array(1)]);
    await expectCode(() => store.writeObject('e/packs/taken', [new Uint8Array(17 * MIB)]), 'OBJECT_EXISTS');
    expect(await store.sizeOf('e/packs/taken')).toBe(1);
  });

  test('does not publish a draft that shrinks under it', async () => {
    await using store = await bucket().open();
    await using draft = await store.createDraft({ entity: 'e', ingestId: 'i' });
    await writeFile(draft.path, randomBytes(20 * MIB));
    const publishing = draft.publish('e/packs/p');
    publishing.catch(() => undefined);
    await truncate(draft.path, 5);
    const outcome: unknown = await publishing.catch((error: unknown) => error);
    // Either it was read before or after, or it fails; never is it half of each.
    const size = await store.sizeOf('e/packs/p');
    if (outcome === undefined) expect([5, 20 * MIB]).toContain(size);
    else expect({ outcome, size }).toMatchObject({ outcome: { code: 'IO' }, size: undefined });
  });
}

function leftoverDrafts(bucket: () => TestBucket): void {
  test('lists and removes drafts that a killed process left, among the objects of their staging', async () => {
    const url = bucket().newUrl();
    await using store = await bucket().open(url);
    expect(await Array.fromAsync(store.list(''))).toEqual([]);
    const draft = 'e/staging/i1/draft-left';
    const path = join(bucket().stagingFolder(url), draft);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'left');
    await store.writeObject('e/staging/i1/a', []);
    await store.writeObject('e/staging/i1/segment-1', [new Uint8Array(2)]);
    await store.writeObject('e/staging/i2/segment-1', [new Uint8Array(2)]);
    const listed = await Array.fromAsync(store.list('e/staging/'));
    expect(listed).toEqual([
      { key: 'e/staging/i1/a', sizeBytes: 0 },
      { key: draft, sizeBytes: 4 },
      { key: 'e/staging/i1/segment-1', sizeBytes: 2 },
      { key: 'e/staging/i2/segment-1', sizeBytes: 2 },
    ]);
    expect(await store.sizeOf(draft)).toBe(4);
    await store.remove(draft);
    await store.remove(draft);
    expect(await store.sizeOf(draft)).toBeUndefined();
    expect(await readdir(join(bucket().stagingFolder(url), 'e/staging'))).toEqual([]);
  });
}

function claims(bucket: () => TestBucket): void {
  test.for([
    ['{"format":2,"somethingNew":true}', 'TOO_NEW'],
    ['{"format":1}', 'CORRUPT'],
    ['', 'CORRUPT'],
    ['null', 'CORRUPT'],
  ] as const)('refuses a store whose claim says %j', async ([text, code]) => {
    const url = bucket().newUrl();
    await using client = await bucket().client(url);
    const claim = { key: 'waybill-store.x.json', signal: undefined };
    await putObject(client, bytesSource(Buffer.from(text)), claim);
    await using store = await bucket().open(url);
    const error = await expectCode(() => store.claim('mine'), code);
    expect(error.message).toContain(url);
  });

  test('of two claims keeps the older one at every open', async () => {
    const url = bucket().newUrl();
    await using client = await bucket().client(url);
    for (const [name, catalogId] of [
      ['z', 'first'],
      ['a', 'second'],
    ]) {
      const text = JSON.stringify({ format: 1, catalogId });
      const claim = { key: `waybill-store.${name}.json`, signal: undefined };
      await putObject(client, bytesSource(Buffer.from(text)), claim);
      await new Promise((resolve) => setTimeout(resolve, 1_100));
    }
    await using store = await bucket().open(url);
    expect(await store.claim('first')).toBe('first');
    expect(await store.claim('second')).toBe('first');
  });
}

function names(server: RgwServer, bucket: () => TestBucket): void {
  test.for(['a b', 'ü☃𝄞', 'a+b', '100%', '%2F%20', "!'()*~", 'q?a=b&c#d', '<&">', 'a\\b', '$@:;,='])(
    'signs and lists keys below %j',
    async (prefix) => {
      await using store = await bucket().open(`${bucket().newUrl()}/${prefix}/x`);
      await store.writeObject('e/packs/p1', [new Uint8Array([7])]);
      await store.writeObject('e/packs/p2', [new Uint8Array(2)]);
      expect(await Array.fromAsync(store.list('e/'))).toEqual([
        { key: 'e/packs/p1', sizeBytes: 1 },
        { key: 'e/packs/p2', sizeBytes: 2 },
      ]);
      expect(await store.readRange('e/packs/p1', { offset: 0, length: 1 })).toEqual(new Uint8Array([7]));
      await store.remove('e/packs/p1');
      expect(await store.sizeOf('e/packs/p1')).toBeUndefined();
    },
  );

  test('lists page by page', { timeout: 60_000 }, async () => {
    await using store = await bucket().open();
    const keys = Array.from({ length: 1_100 }, (_, index) => `e/packs/p${index.toString().padStart(5, '0')}`);
    const left = keys.values();
    const write = async (): Promise<void> => {
      for (const key of left) await store.writeObject(key, []);
    };
    await Promise.all(Array.from({ length: 16 }, write));
    const listed = await Array.fromAsync(store.list(''));
    expect(listed.map(({ key }) => key)).toEqual(keys);
  });

  test('names what is wrong with bucket and credentials, and no secret', async () => {
    await using nowhere = await bucket().open('s3://no-such-bucket-here/a');
    for (const call of [
      () => nowhere.claim('mine'),
      () => nowhere.writeObject('e/packs/p', []),
      () => Array.fromAsync(nowhere.list('')),
      () => nowhere.readRange('e/packs/p', { offset: 0, length: 1 }),
    ]) {
      const error = await expectCode(call, 'IO');
      expect(error.message).toMatch(/s3:\/\/no-such-bucket-here\/a: NoSuchBucket.*there is no such bucket/);
    }
    const secretAccessKey = 'a-wrong-secret';
    const { accessKeyId } = server.credentials;
    await using wrong = await bucket().open(undefined, { credentials: { accessKeyId, secretAccessKey } });
    for (const call of [
      () => wrong.claim('mine'),
      () => wrong.sizeOf('e/packs/p'),
      () => wrong.writeObject('e/packs/p', []),
    ]) {
      const error = await expectCode(call, 'PERMISSION');
      expect(JSON.stringify([error.message, error.details])).not.toContain(secretAccessKey);
      expect(error.message).toContain('check ');
    }
  });

  test('says that nobody is there', async () => {
    await using store = await bucket().open(undefined, { endpoint: 'http://127.0.0.1:1' });
    const error = await expectCode(() => store.sizeOf('e/packs/p'), 'IO');
    expect(error.message).toMatch(/cannot look at object e\/packs\/p in s3:.*ECONNREFUSED.*AWS_ENDPOINT_URL/);
  });
}

function leftoverUploads(bucket: () => TestBucket): void {
  test('removes with an object what a killed process uploaded of it', async () => {
    const url = bucket().newUrl();
    await using store = await bucket().open(url);
    await using client = await bucket().client(url);
    for (const key of ['e/blobs/md5/ab/x-1', 'e/blobs/md5/ab/x-1', 'e/blobs/md5/ab/x-12']) {
      const request = { operation: 'begin', key, method: 'POST', query: [['uploads', '']] } as const;
      await client.send(request, ({ body }) => body.dump());
    }
    expect(await openUploads(client)).toHaveLength(3);
    await store.remove('e/blobs/md5/ab/x-1');
    expect(await openUploads(client)).toHaveLength(1);
    await store.remove('e/blobs/md5/ab/x-12');
    expect(await openUploads(client)).toEqual([]);
  });
}

function streams(bucket: () => TestBucket): void {
  test('may be left in the middle of an object, and cancelled there', async () => {
    await using store = await bucket().open();
    await store.writeObject('e/packs/p', [randomBytes(12 * MIB)]);
    for (let count = 0; count < 5; count++) {
      for await (const chunk of store.readStream('e/packs/p')) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
    }
    const cancelling = new AbortController();
    const { signal } = cancelling;
    await expectCode(async () => {
      for await (const _ of store.readStream('e/packs/p', { signal })) cancelling.abort();
    }, 'CANCELLED');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await store.sizeOf('e/packs/p')).toBe(12 * MIB);
  });
}

function threads(bucket: () => TestBucket): void {
  test('is read by threads', async () => {
    const url = bucket().newUrl();
    await using store = await bucket().open(url);
    const bytes = randomBytes(3_000_000);
    await store.writeObject('e/packs/p', [bytes]);
    const threadStore = createS3ThreadStore(bucket().connection(url));
    using reader = await threadStore.open('e/packs/p');
    const target = new Uint8Array(new SharedArrayBuffer(2_000_000));
    await reader.read(target, 999_999);
    expect(Buffer.from(target).equals(bytes.subarray(999_999, 2_999_999))).toBe(true);
    await expectCode(() => reader.read(target, 1_000_001), 'CORRUPT');
    using missing = await threadStore.open('e/packs/missing');
    await expectCode(() => missing.read(target, 0), 'MISSING_BLOB');
    await expectCode(() => threadStore.open('../x'), 'INVALID_ARGUMENT');
  });
}
