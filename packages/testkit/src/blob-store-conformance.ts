import { randomBytes } from 'node:crypto';
import { appendFile, writeFile } from 'node:fs/promises';
import { ArtifactError, type BlobStore, type ErrorCode, type ObjectInfo } from '@waybill/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

export interface BlobStoreSubject {
  /** Opens a store that holds nothing yet; a new one each time. */
  open(): Promise<BlobStore>;
  /** Opens the same store once more, as another process would. */
  reopen(store: BlobStore): Promise<BlobStore>;
  /** Cuts the bytes of an object short behind the store's back; absent where nobody can do that. */
  truncate?(store: BlobStore, object: { key: string; sizeBytes: number }): Promise<void>;
}

/** What the port `BlobStore` promises, for any store. `name` is that of the adapter. */
export function blobStoreConformance(name: string, subject: BlobStoreSubject): void {
  describe(`${name} is a blob store`, () => {
    let store: BlobStore;
    beforeAll(async () => {
      store = await subject.open();
    });
    afterAll(async () => {
      await store[Symbol.asyncDispose]();
    });
    objectTests(() => store, subject);
    listTests(subject);
    draftTests(() => store);
    claimTests(subject);
    modelTest(subject);
  });
}

let lastKey = 0;

function newKey(folder = 'acme/packs'): string {
  lastKey++;
  return `${folder}/object${lastKey.toString().padStart(6, '0')}`;
}

async function expectCode(promise: Promise<unknown>, code: ErrorCode): Promise<ArtifactError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ArtifactError);
  if (!(error instanceof ArtifactError)) throw error;
  expect(error.code, error.message).toBe(code);
  return error;
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

async function keysOf(listing: AsyncIterable<ObjectInfo>): Promise<string[]> {
  return (await Array.fromAsync(listing)).map(({ key }) => key);
}

function objectTests(store: () => BlobStore, subject: BlobStoreSubject): void {
  test('gives back what was written, whole and in ranges', async () => {
    const key = newKey();
    const bytes = randomBytes(3_000_001);
    await store().writeObject(key, [
      bytes.subarray(0, 10),
      bytes.subarray(10, 2_000_000),
      bytes.subarray(2_000_000),
    ]);
    expect(await store().sizeOf(key)).toBe(bytes.length);
    expect((await readAll(store().readStream(key))).equals(bytes)).toBe(true);
    const range = { offset: 1_048_570, length: 1_500_000 };
    const wanted = bytes.subarray(range.offset, range.offset + range.length);
    expect(Buffer.from(await store().readRange(key, range)).equals(wanted)).toBe(true);
    expect((await readAll(store().readStream(key, { range }))).equals(wanted)).toBe(true);
    expect((await store().readRange(key, { offset: 5, length: 0 })).length).toBe(0);
  });

  test('streams in chunks of a few MiB that the consumer may keep', async () => {
    const key = newKey();
    const bytes = randomBytes(9_000_000);
    await store().writeObject(key, [bytes]);
    const chunks = await Array.fromAsync(store().readStream(key));
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(8_388_608);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  test('keeps empty objects', async () => {
    const key = newKey();
    await store().writeObject(key, []);
    expect(await store().sizeOf(key)).toBe(0);
    expect(await readAll(store().readStream(key))).toHaveLength(0);
  });

  test('does not hold on to the chunks it is given', async () => {
    const key = newKey();
    const buffer = new Uint8Array(1_000);
    async function* produce(): AsyncGenerator<Uint8Array> {
      for (let round = 0; round < 3; round++) yield buffer.fill(round);
    }
    await store().writeObject(key, produce());
    const found = await readAll(store().readStream(key));
    expect([found[0], found[1_000], found[2_000]]).toEqual([0, 1, 2]);
  });

  test('writes no key twice', async () => {
    const key = newKey();
    await store().writeObject(key, [new Uint8Array([1])]);
    const error = await expectCode(store().writeObject(key, [new Uint8Array([2])]), 'OBJECT_EXISTS');
    expect(error.message).toContain(key);
    expect(await store().readRange(key, { offset: 0, length: 1 })).toEqual(new Uint8Array([1]));
  });

  test('lets one of two win that write the same key at once', async () => {
    const key = newKey();
    const attempts = [1, 2].map((byte) => store().writeObject(key, [new Uint8Array([byte])]));
    const results = await Promise.allSettled(attempts);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const winner = results.findIndex(({ status }) => status === 'fulfilled') + 1;
    expect(await store().readRange(key, { offset: 0, length: 1 })).toEqual(new Uint8Array([winner]));
  });

  test('passes on what the producer of the bytes throws, and keeps nothing', async () => {
    const key = newKey();
    const problem = new Error('no more bytes');
    async function* produce(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(2_000_000);
      throw problem;
    }
    await expect(store().writeObject(key, produce())).rejects.toBe(problem);
    expect(await store().sizeOf(key)).toBeUndefined();
    await store().writeObject(key, [new Uint8Array(1)]);
  });

  test('says which object is missing', async () => {
    const key = newKey();
    expect(await store().sizeOf(key)).toBeUndefined();
    const error = await expectCode(store().readRange(key, { offset: 0, length: 1 }), 'MISSING_BLOB');
    expect(error.message).toContain(key);
    await expectCode(readAll(store().readStream(key)), 'MISSING_BLOB');
  });

  test('calls an object that ends too early corrupt', async () => {
    const key = newKey();
    await store().writeObject(key, [new Uint8Array(100)]);
    const range = { offset: 90, length: 11 };
    const error = await expectCode(store().readRange(key, range), 'CORRUPT');
    expect(error.message).toContain(key);
    await expectCode(readAll(store().readStream(key, { range })), 'CORRUPT');
    if (subject.truncate === undefined) return;
    await subject.truncate(store(), { key, sizeBytes: 50 });
    await expectCode(store().readRange(key, { offset: 40, length: 20 }), 'CORRUPT');
  });

  test('removes objects, also those that are not there', async () => {
    const key = newKey();
    await store().writeObject(key, [new Uint8Array(1)]);
    await store().remove(key);
    expect(await store().sizeOf(key)).toBeUndefined();
    await store().remove(key);
    await expectCode(store().readRange(key, { offset: 0, length: 1 }), 'MISSING_BLOB');
  });

  test.for(['../x/y', 'a/../../b', '/etc/passwd', 'a//b', 'a/./b', 'a\\b/c', 'a/ b', 'a/b/', '', 'a/\0'])(
    'refuses %j as a key',
    async (key) => {
      await expectCode(store().writeObject(key, []), 'INVALID_ARGUMENT');
      await expectCode(store().readRange(key, { offset: 0, length: 0 }), 'INVALID_ARGUMENT');
      await expectCode(readAll(store().readStream(key)), 'INVALID_ARGUMENT');
      await expectCode(store().sizeOf(key), 'INVALID_ARGUMENT');
      await expectCode(store().remove(key), 'INVALID_ARGUMENT');
    },
  );

  test('does nothing when it is cancelled before', async () => {
    const key = newKey();
    const signal = AbortSignal.abort();
    await expectCode(store().writeObject(key, [new Uint8Array(1)], { signal }), 'CANCELLED');
    expect(await store().sizeOf(key)).toBeUndefined();
    await store().writeObject(key, [new Uint8Array(1)]);
    await expectCode(store().remove(key, { signal }), 'CANCELLED');
    expect(await store().sizeOf(key)).toBe(1);
    await expectCode(readAll(store().readStream(key, { signal })), 'CANCELLED');
    await expectCode(Array.fromAsync(store().list('acme/', { signal })), 'CANCELLED');
    await expectCode(store().createDraft({ entity: 'acme', ingestId: 'i1', signal }), 'CANCELLED');
  });
}

function listTests(subject: BlobStoreSubject): void {
  test('lists what begins with a prefix, in byte order, with sizes', async () => {
    await using store = await subject.open();
    const keys = [
      'a/b',
      'a/b-c',
      'a/b.d',
      'a/b0',
      'a/bb/x',
      'a-b/c',
      'a0/c',
      'b/packs/p1',
      'b/packs/p10',
      'b/packs/p2',
    ];
    for (const key of keys.toReversed()) await store.writeObject(key, [new Uint8Array(key.length)]);
    const sorted = keys.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
    const all = await Array.fromAsync(store.list(''));
    expect(all).toEqual(sorted.map((key) => ({ key, sizeBytes: key.length })));
    for (const prefix of ['a', 'a/', 'a/b', 'a/b-', 'b/packs/p1', 'b/pa', 'nothing/', 'a/b/']) {
      expect(await keysOf(store.list(prefix)), prefix).toEqual(
        sorted.filter((key) => key.startsWith(prefix)),
      );
    }
  });

  test('may be left in the middle, and lists an empty store', async () => {
    await using store = await subject.open();
    expect(await keysOf(store.list(''))).toEqual([]);
    for (let count = 0; count < 70; count++) await store.writeObject(newKey('e/packs'), []);
    for await (const { key } of store.list('e/')) {
      expect(key.startsWith('e/packs/')).toBe(true);
      break;
    }
  });

  test('refuses a prefix that climbs', async () => {
    await using store = await subject.open();
    await expectCode(Array.fromAsync(store.list('../')), 'INVALID_ARGUMENT');
  });
}

function draftTests(store: () => BlobStore): void {
  const ingest = { entity: 'acme', ingestId: 'ingest0001' };

  test('makes a filled draft an object', async () => {
    const key = newKey();
    {
      await using draft = await store().createDraft(ingest);
      await writeFile(draft.path, 'hello');
      expect(await store().sizeOf(key)).toBeUndefined();
      await draft.publish(key);
    }
    expect((await readAll(store().readStream(key))).toString()).toBe('hello');
    expect(await keysOf(store().list('acme/staging/ingest0001/'))).toEqual([]);
  });

  test('gives drafts that are empty and different', async () => {
    await using one = await store().createDraft(ingest);
    await using two = await store().createDraft(ingest);
    expect(one.path).not.toBe(two.path);
    await appendFile(one.path, 'x');
    await appendFile(two.path, 'y');
    const listed = await Array.fromAsync(store().list('acme/staging/ingest0001/'));
    expect(listed.map(({ sizeBytes }) => sizeBytes)).toEqual([1, 1]);
  });

  test('removes a draft that is not published', async () => {
    let path = '';
    {
      await using draft = await store().createDraft(ingest);
      path = draft.path;
      await writeFile(path, 'hello');
    }
    await expect(appendFile(path, 'x', { flag: 'r+' })).rejects.toThrow();
    expect(await keysOf(store().list('acme/staging/ingest0001/'))).toEqual([]);
  });

  test('publishes over no other object', async () => {
    const key = newKey();
    await store().writeObject(key, [new Uint8Array([1])]);
    await using draft = await store().createDraft(ingest);
    await writeFile(draft.path, 'other');
    await expectCode(draft.publish(key), 'OBJECT_EXISTS');
    expect(await store().sizeOf(key)).toBe(1);
  });

  test('lets one of two drafts win that are published as the same key', async () => {
    const key = newKey();
    await using one = await store().createDraft(ingest);
    await using two = await store().createDraft(ingest);
    await writeFile(one.path, '1');
    await writeFile(two.path, '22');
    const results = await Promise.allSettled([one.publish(key), two.publish(key)]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await store().sizeOf(key)).toBe(results[0]?.status === 'fulfilled' ? 1 : 2);
  });

  test('keeps a draft when it is cancelled before it is published', async () => {
    const key = newKey();
    await using draft = await store().createDraft(ingest);
    await writeFile(draft.path, 'hello');
    await expectCode(draft.publish(key, { signal: AbortSignal.abort() }), 'CANCELLED');
    await draft.publish(key);
    expect(await store().sizeOf(key)).toBe(5);
  });

  test('makes drafts while the last objects of the same staging go', async () => {
    for (let round = 0; round < 20; round++) {
      const other = await store().createDraft(ingest);
      const [draft] = await Promise.all([store().createDraft(ingest), other[Symbol.asyncDispose]()]);
      await appendFile(draft.path, 'x', { flag: 'r+' });
      await draft[Symbol.asyncDispose]();
    }
  });
}

function claimTests(subject: BlobStoreSubject): void {
  test('belongs to the catalog that claimed it first', async () => {
    await using store = await subject.open();
    expect(await store.claim('catalog-one')).toBe('catalog-one');
    expect(await store.claim('catalog-one')).toBe('catalog-one');
    expect(await store.claim('catalog-two')).toBe('catalog-one');
    await using again = await subject.reopen(store);
    expect(await again.claim('catalog-two')).toBe('catalog-one');
    expect(await keysOf(again.list(''))).toEqual([]);
  });

  test('belongs to one of those that claim it at once', async () => {
    await using store = await subject.open();
    const others = await Promise.all(Array.from({ length: 8 }, () => subject.reopen(store)));
    const owners = await Promise.all(others.map((other, index) => other.claim(`catalog-${index}`)));
    expect(new Set(owners).size).toBe(1);
    expect(owners[0]).toMatch(/^catalog-\d$/);
    await Promise.all(others.map((other) => other[Symbol.asyncDispose]()));
  });
}

const KEYS = ['e/packs/a', 'e/packs/b', 'e/blobs/md5/00/c', 'e/blobs/md5/01/d', 'f/packs/a', 'e/packs-x/a'];

function modelTest(subject: BlobStoreSubject): void {
  test('does what a map of keys to bytes does', { timeout: 60_000 }, async () => {
    const action = fc.record({
      kind: fc.constantFrom('write', 'publish', 'remove', 'read', 'list'),
      key: fc.constantFrom(...KEYS),
      bytes: fc.uint8Array({ maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
        await using store = await subject.open();
        const model = new Map<string, Uint8Array>();
        for (const { kind, key, bytes } of actions) {
          await ACTIONS[kind]({ store, model, key, bytes });
        }
      }),
      { numRuns: 25, verbose: 1 },
    );
  });
}

interface Step {
  readonly store: BlobStore;
  readonly model: Map<string, Uint8Array>;
  readonly key: string;
  readonly bytes: Uint8Array;
}

const ACTIONS = {
  write: async ({ store, model, key, bytes }: Step) => {
    if (model.has(key)) {
      await expectCode(store.writeObject(key, [bytes]), 'OBJECT_EXISTS');
      return;
    }
    await store.writeObject(key, [bytes]);
    model.set(key, bytes);
  },
  publish: async ({ store, model, key, bytes }: Step) => {
    await using draft = await store.createDraft({ entity: 'e', ingestId: 'i' });
    await writeFile(draft.path, bytes);
    if (model.has(key)) {
      await expectCode(draft.publish(key), 'OBJECT_EXISTS');
      return;
    }
    await draft.publish(key);
    model.set(key, bytes);
  },
  remove: async ({ store, model, key }: Step) => {
    await store.remove(key);
    model.delete(key);
  },
  read: async ({ store, model, key }: Step) => {
    const bytes = model.get(key);
    expect(await store.sizeOf(key)).toBe(bytes?.length);
    if (bytes === undefined) await expectCode(readAll(store.readStream(key)), 'MISSING_BLOB');
    else expect(new Uint8Array(await readAll(store.readStream(key)))).toEqual(bytes);
  },
  list: async ({ store, model }: Step) => {
    const expected = [...model].map(([key, bytes]) => ({ key, sizeBytes: bytes.length }));
    const byKey = (a: ObjectInfo, b: ObjectInfo): number => (a.key < b.key ? -1 : 1);
    expect(await Array.fromAsync(store.list(''))).toEqual(expected.toSorted(byKey));
  },
} as const;
