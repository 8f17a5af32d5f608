import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { BlobStore } from '@waybill/core';
import type { Fault, FaultProxy, RgwServer, SeenRequest } from '@waybill/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectCode } from './expect-code.ts';
import { openUploads } from './store-cases.ts';
import { TestBucket } from './test-bucket.ts';

const MIB = 1_048_576;

function error(status: number, code: string, headers: Record<string, string> = {}): Fault {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>Planned.</Message></Error>`;
  return {
    kind: 'answer',
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body,
  };
}

const INTERNAL = error(500, 'InternalError');
const SLOW_DOWN = error(503, 'SlowDown');
const UNAVAILABLE = error(503, 'ServiceUnavailable', { 'retry-after': '1' });
const isPut = ({ method }: SeenRequest): boolean => method === 'PUT';
const isGet = ({ method }: SeenRequest): boolean => method === 'GET';
const isHead = ({ method }: SeenRequest): boolean => method === 'HEAD';
const isDelete = ({ method }: SeenRequest): boolean => method === 'DELETE';
const isPart = ({ method, url }: SeenRequest): boolean => method === 'PUT' && url.includes('partNumber=');
const isCreate = ({ method, url }: SeenRequest): boolean => method === 'POST' && url.includes('uploads=');
const isComplete = ({ method, url }: SeenRequest): boolean => method === 'POST' && url.includes('uploadId=');

/** What a store does when a real server is broken in known ways. */
export function describeFaults(server: RgwServer, proxy: FaultProxy): void {
  describe('a bucket behind faults', () => {
    let bucket: TestBucket;
    let url: string;
    let store: BlobStore;
    const plan = proxy.plan.bind(proxy);
    beforeAll(async () => {
      bucket = await TestBucket.create(server, proxy.endpoint);
      url = bucket.newUrl();
      store = await bucket.open(url);
      // A server that has answered once is given more time than one that never did.
      await store.sizeOf('e/packs/first');
    });
    afterEach(() => {
      expect(proxy.planned, 'all faults exercised').toBe(0);
      proxy.forget();
    });
    afterAll(async () => {
      await store[Symbol.asyncDispose]();
      await bucket[Symbol.asyncDispose]();
    });
    const uploads = async (): Promise<string[]> => {
      await using client = await bucket.client(url);
      return await openUploads(client);
    };

    test('writes through 500, 503 and cut connections', async () => {
      plan(isPut, INTERNAL, SLOW_DOWN, { kind: 'cut-request' });
      plan(isHead, SLOW_DOWN, { kind: 'cut-request' });
      const bytes = randomBytes(3 * MIB);
      await store.writeObject('e/packs/through', [bytes]);
      const found = Buffer.concat(await Array.fromAsync(store.readStream('e/packs/through')));
      expect(found.equals(bytes)).toBe(true);
      expect(proxy.seen.filter(isPut)).toHaveLength(4);
    });

    test('takes a write for its own whose answer was lost', async () => {
      plan(isPut, { kind: 'lose-answer' });
      await store.writeObject('e/packs/lost-answer', [new Uint8Array([1, 2])]);
      expect(await store.sizeOf('e/packs/lost-answer')).toBe(2);
    });

    test('publishes a draft through the same, from the file', async () => {
      plan(isPut, INTERNAL, { kind: 'lose-answer' });
      const bytes = randomBytes(2 * MIB);
      await using draft = await store.createDraft({ entity: 'e', ingestId: 'i' });
      await writeFile(draft.path, bytes);
      await draft.publish('e/packs/draft');
      const found = await store.readRange('e/packs/draft', { offset: 0, length: bytes.length });
      expect(Buffer.from(found).equals(bytes)).toBe(true);
    });

    test('waits as long as the server asks for', async () => {
      plan(isHead, UNAVAILABLE);
      const before = performance.now();
      await store.sizeOf('e/packs/any');
      expect(performance.now() - before).toBeGreaterThan(900);
    });

    test('lists and removes through faults', async () => {
      await store.writeObject('e/list/a', []);
      plan(isGet, INTERNAL, { kind: 'cut-answer', afterBytes: 20 });
      expect(await Array.fromAsync(store.list('e/list/'))).toEqual([{ key: 'e/list/a', sizeBytes: 0 }]);
      plan(isDelete, { kind: 'lose-answer' }, SLOW_DOWN);
      await store.remove('e/list/a');
      expect(await store.sizeOf('e/list/a')).toBeUndefined();
    });

    test('reads on where a connection broke', async () => {
      const bytes = randomBytes(4 * MIB);
      await store.writeObject('e/packs/broken', [bytes]);
      const cut: Fault[] = [1, 2].map((factor) => {
        return { kind: 'cut-answer', afterBytes: 700_000 * factor };
      });
      plan(isGet, ...cut);
      const found = Buffer.concat(await Array.fromAsync(store.readStream('e/packs/broken')));
      expect(found.equals(bytes)).toBe(true);
      const ranges = proxy.seen.filter(isGet).map(({ headers }) => headers['range']);
      expect(ranges).toHaveLength(3);
      expect(ranges[0]).toBeUndefined();
      expect(Number(/bytes=(\d+)-/.exec(String(ranges[2]))?.[1])).toBeGreaterThan(700_000);
      plan(isGet, { kind: 'cut-answer', afterBytes: 1_000 });
      const range = await store.readRange('e/packs/broken', { offset: 10, length: 2 * MIB });
      expect(Buffer.from(range).equals(bytes.subarray(10, 10 + 2 * MIB))).toBe(true);
    });

    test('does not take a short answer for a range', async () => {
      const bytes = randomBytes(100_000);
      await store.writeObject('e/packs/short', [bytes]);
      const shorten: Fault = { kind: 'shorten-answer', toBytes: 50_000 };
      plan(isGet, shorten);
      const found = await store.readRange('e/packs/short', { offset: 0, length: 100_000 });
      expect(Buffer.from(found).equals(bytes)).toBe(true);
      plan(isGet, ...Array.from({ length: 6 }, () => shorten));
      await expectCode(() => store.readRange('e/packs/short', { offset: 0, length: 100_000 }), 'IO');
    });

    test('gives up after so many attempts, with what the server said', async () => {
      plan(isPut, ...Array.from({ length: 6 }, () => INTERNAL));
      const failure = await expectCode(() => store.writeObject('e/packs/never', [new Uint8Array(1)]), 'IO');
      expect(failure.message).toMatch(/cannot write object e\/packs\/never in s3:.*InternalError: Planned; /);
      expect(await store.sizeOf('e/packs/never')).toBeUndefined();
    });

    test('does not repeat what is refused', async () => {
      plan(isPut, error(403, 'AccessDenied'));
      await expectCode(() => store.writeObject('e/packs/denied', [new Uint8Array(1)]), 'PERMISSION');
      expect(proxy.seen.filter(isPut)).toHaveLength(1);
    });

    test('writes without conditions where the server has none', async () => {
      await using plain = await bucket.open(url);
      plan(isPut, error(501, 'NotImplemented'));
      await plain.writeObject('e/packs/plain1', [new Uint8Array(1)]);
      await plain.writeObject('e/packs/plain2', [new Uint8Array(1)]);
      const conditions = proxy.seen.filter(isPut).map(({ headers }) => headers['if-none-match']);
      expect(conditions).toEqual(['*', undefined, undefined]);
    });

    test('keeps its sockets', async () => {
      await using one = await bucket.open(url);
      for (const key of ['e/keep/a', 'e/keep/b', 'e/keep/c']) {
        await one.writeObject(key, [new Uint8Array(1_000)]);
        await one.sizeOf(key);
        await one.sizeOf('e/keep/missing');
        await one.readRange(key, { offset: 1, length: 10 });
        await Array.fromAsync(one.readStream(key));
        await Array.fromAsync(one.list('e/keep/'));
        await expectCode(() => one.writeObject(key, []), 'OBJECT_EXISTS');
        await one.remove(key);
      }
      expect(proxy.seen.length).toBeGreaterThan(24);
      // An answer may be read before its socket is free for the next request.
      expect(proxy.connections).toBeLessThanOrEqual(3);
    });

    test('has no more requests on their way than it may', async () => {
      await using few = await bucket.open(url, { requestsMax: 3 });
      const sizes = Array.from({ length: 30 }, (_, index) => few.sizeOf(`e/few/p${index}`));
      expect(new Set(await Promise.all(sizes))).toEqual(new Set([undefined]));
      expect(proxy.inFlightMax).toBe(3);
    });

    test('ends waiting when it is cancelled', async () => {
      plan(isPut, error(503, 'SlowDown', { 'retry-after': '30' }));
      const before = performance.now();
      const signal = AbortSignal.timeout(300);
      const writing = (): Promise<void> =>
        store.writeObject('e/packs/cancelled', [new Uint8Array(1)], { signal });
      await expectCode(writing, 'CANCELLED');
      plan(isHead, { kind: 'delay', ms: 20_000 });
      await expectCode(() => store.sizeOf('e/packs/p', { signal: AbortSignal.timeout(300) }), 'CANCELLED');
      expect(performance.now() - before).toBeLessThan(5_000);
    });

    test('writes parts through faults', { timeout: 60_000 }, async () => {
      plan(isPart, INTERNAL, SLOW_DOWN, { kind: 'cut-request' }, { kind: 'lose-answer' });
      plan(isCreate, { kind: 'lose-answer' }, INTERNAL, { kind: 'lose-answer' });
      const bytes = randomBytes(40 * MIB);
      await store.writeObject('e/packs/parts', [bytes]);
      const found = Buffer.concat(await Array.fromAsync(store.readStream('e/packs/parts')));
      expect(found.equals(bytes)).toBe(true);
      expect(await uploads()).toEqual([]);
    });

    test('completes again when 200 holds an error, and when the answer was lost', {
      timeout: 60_000,
    }, async () => {
      plan(isComplete, error(200, 'InternalError'), error(200, 'SlowDown'), { kind: 'lose-answer' });
      await store.writeObject('e/packs/completed', [new Uint8Array(17 * MIB)]);
      expect(await store.sizeOf('e/packs/completed')).toBe(17 * MIB);
      expect(proxy.seen.filter(isComplete)).toHaveLength(4);
      expect(await uploads()).toEqual([]);
    });

    test('gives an upload up that cannot be completed', { timeout: 60_000 }, async () => {
      const bytes = new Uint8Array(17 * MIB);
      plan(isComplete, error(200, 'InvalidPart'));
      const failure = await expectCode(() => store.writeObject('e/packs/invalid', [bytes]), 'IO');
      expect(failure.message).toContain('InvalidPart');
      plan(isPart, error(403, 'AccessDenied'));
      await expectCode(() => store.writeObject('e/packs/invalid', [bytes]), 'PERMISSION');
      expect(await store.sizeOf('e/packs/invalid')).toBeUndefined();
      expect(await uploads()).toEqual([]);
    });

    test('asks less of a server that cannot keep up', async () => {
      await using client = await bucket.client(url);
      await using busy = await bucket.open(url);
      await busy.sizeOf('e/packs/p');
      const before = client.limiter.limit;
      plan(isHead, SLOW_DOWN, SLOW_DOWN);
      const request = { operation: 'look', key: 'e/packs/p', method: 'HEAD', statuses: [404] } as const;
      await client.send(request, ({ body }) => body.dump());
      expect(client.limiter.limit).toBe(Math.floor(before / 4));
    });
  });
}
