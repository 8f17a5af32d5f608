import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { ArtifactError, encodeError, type IngestRecord, type IngestState, LIMITS } from '@waybill/core';
import { cancelIngest, ingest, listInterrupted, resumeIngest } from '@waybill/pipeline';
import { describe, expect, it } from 'vitest';
import { withPorts } from './patched.ts';
import { failOnceAt, openWorkshop, stopAt, type Workshop } from './workshop.ts';

const REF = { entity: 'local', project: 'default', name: 'data', alias: 'latest' };

function numbered(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`f/${String(index).padStart(5, '0')}`, `content ${index}`]),
  );
}

async function onlyIngest(shop: Workshop): Promise<IngestRecord> {
  const [found] = await shop.ports.catalog.listIngests({ limit: 1 });
  if (found === undefined) throw new Error('there is no ingest');
  return found;
}

async function moveTo(shop: Workshop, to: IngestState): Promise<IngestRecord> {
  const { ingestId, state } = await onlyIngest(shop);
  const moved = await shop.ports.catalog.moveIngest({ ingestId, from: [state], to, newFence: true });
  if (moved === undefined) throw new Error(`the ingest did not become ${to}`);
  return moved;
}

/** The workshop's ports, noting which shards are started. */
function noting(shop: Workshop, started: number[]): Workshop['ports'] {
  const { catalog } = shop.ports;
  return withPorts(shop.ports, {
    catalog: {
      startShard: (shard, options) => {
        started.push(shard.shardId);
        return catalog.startShard(shard, options);
      },
    },
  });
}

describe('an ingest with many shards left', () => {
  it('starts each once, also those that are cut off others while they are fed', async () => {
    await using shop = await openWorkshop();
    const { catalog } = shop.ports;
    // Holes: hashed as zeros, and stored nowhere since they are references. The first alone fills a shard.
    const sizes = [LIMITS.shardBytes + 1, ...Array.from({ length: 400 }, (_, index) => index)];
    for (const [index, sizeBytes] of sizes.entries()) {
      const file = openSync(join(shop.tree, `file-${String(index).padStart(3, '0')}`), 'w');
      ftruncateSync(file, sizeBytes);
      closeSync(file);
    }
    const request = shop.request({ paths: [`file://${shop.tree}`] });
    await expect(ingest(failOnceAt(shop.ports, 'plan.done'), request)).rejects.toThrow('stopped at');
    // More shards than one page of the catalog holds, as splits in an earlier execution leave them.
    const { ingestId, fence } = await moveTo(shop, 'RUNNING');
    const [first] = await catalog.listShards({ ingestId, state: 'PENDING', limit: 1 });
    if (first === undefined) throw new Error('no shard was left');
    const { attempt = 0 } = (await catalog.startShard({ shardId: first.shardId, fence })) ?? {};
    const keepCount = 100;
    const remainder = Array.from({ length: first.listCount - keepCount }, (_, index) => ({
      ...first,
      listSkip: keepCount + index,
      listCount: 1,
    }));
    await catalog.splitShard({ shardId: first.shardId, attempt, keepCount, remainder });

    const started: number[] = [];
    const split = Promise.withResolvers<void>();
    const slow = withPorts(shop.ports, {
      catalog: {
        startShard: (shard, options) => {
          started.push(shard.shardId);
          return catalog.startShard(shard, options);
        },
        splitShard: async (of, options) => {
          const added = await catalog.splitShard(of, options);
          split.resolve();
          return added;
        },
        // Once shards are worked on, the next page is not read before one of them was split.
        listShards: async (filter, options) => {
          if (started.length > 0 && filter.after !== undefined) await split.promise;
          return catalog.listShards(filter, options);
        },
      },
    });
    const { version } = await resumeIngest(slow, { ingestId });
    expect(version.entryCount).toBe(sizes.length);
    expect(started.length).toBeGreaterThan(300);
    expect(new Set(started).size).toBe(started.length);
  }, 60_000);
});

describe('a failed ingest', () => {
  it('goes on with what it had finished when the sources were not the reason', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(4_000));
    const { catalog, store } = shop.ports;
    const finished = Promise.withResolvers<void>();
    let segments = 0;
    const full = withPorts(shop.ports, {
      catalog: {
        completeShard: async (result, options) => {
          const counts = await catalog.completeShard(result, options);
          finished.resolve();
          return counts;
        },
      },
      store: {
        writeObject: async (key, chunks, options) => {
          if (!key.includes('/segment-') || ++segments < 3) return store.writeObject(key, chunks, options);
          await finished.promise;
          throw new ArtifactError('NO_SPACE', 'no space is left');
        },
      },
    });
    await expect(ingest(full, shop.request())).rejects.toMatchObject({ code: 'NO_SPACE' });
    const failed = await onlyIngest(shop);
    expect(failed).toMatchObject({ state: 'FAILED', error: { code: 'NO_SPACE' } });
    const before = await shop.ports.catalog.listShards({ ingestId: failed.ingestId, limit: 100 });
    const done = before.filter(({ state }) => state === 'DONE').map(({ shardId }) => shardId);
    expect(done.length).toBeGreaterThan(0);
    const started: number[] = [];
    const { version, ingest: ended } = await resumeIngest(noting(shop, started), {
      ingestId: failed.ingestId,
    });
    expect(version.entryCount).toBe(4_000);
    expect(ended.stats).toMatchObject({ files: 4_000, filesHashed: 4_000 });
    expect(started.filter((shardId) => done.includes(shardId))).toEqual([]);
  });

  it('while it was planned goes on with the walk', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(3_500));
    let added = 0;
    const full = withPorts(shop.ports, {
      faults: {
        reach: (point) => {
          if (point === 'plan.shard.add' && ++added === 3) throw new ArtifactError('NO_SPACE', 'no space');
        },
      },
    });
    await expect(ingest(full, shop.request())).rejects.toMatchObject({ code: 'NO_SPACE' });
    const failed = await onlyIngest(shop);
    const before = await shop.ports.catalog.listShards({ ingestId: failed.ingestId, limit: 100 });
    expect(before).toHaveLength(2);
    const { version } = await resumeIngest(shop.ports, { ingestId: failed.ingestId });
    expect(version.entryCount).toBe(3_500);
    const after = await shop.ports.catalog.listShards({ ingestId: failed.ingestId, limit: 100 });
    expect(after.slice(0, 2).map(({ shardId }) => shardId)).toEqual(before.map(({ shardId }) => shardId));
  });

  it.each(['SOURCE_CHANGED', 'PATH_CONFLICT', 'CORRUPT'] as const)(
    'is planned anew after %s',
    async (code) => {
      await using shop = await openWorkshop();
      shop.write(numbered(10));
      await expect(ingest(failOnceAt(shop.ports, 'finalize.start'), shop.request())).rejects.toThrow();
      const { ingestId } = await moveTo(shop, 'RUNNING');
      const error = encodeError(
        new ArtifactError(code, 'of the sources', { details: { failedIn: 'RUNNING' } }),
      );
      await shop.ports.catalog.moveIngest({ ingestId, from: ['RUNNING'], to: 'FAILED', error });
      shop.write({ 'f/00000': 'put right' });
      const { version } = await resumeIngest(shop.ports, { ingestId });
      expect(version.sizeBytes).toBe('content 0'.length * 10);
      expect(version.entryCount).toBe(10);
      expect((await onlyIngest(shop)).stats.shards).toBe(1);
    },
  );
});

describe('whoever takes an ingest up', () => {
  it('gives its lock back when it cannot', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(3));
    await expect(ingest(failOnceAt(shop.ports, 'plan.done'), shop.request())).rejects.toThrow('stopped at');
    await expect(ingest(failOnceAt(shop.ports, 'ingest.refence'), shop.request())).rejects.toThrow(
      'stopped at ingest.refence',
    );
    expect(await ingest(shop.ports, shop.request())).toMatchObject({ created: true });
  });

  it('is not kept off by somebody who only looks whether it is worked on', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(3));
    await expect(ingest(failOnceAt(shop.ports, 'plan.done'), shop.request())).rejects.toThrow('stopped at');
    const { ingestId } = await onlyIngest(shop);
    let asked = 0;
    const { locks } = shop.ports;
    const probed = withPorts(shop.ports, {
      locks: { acquire: async (id) => (++asked === 1 ? undefined : locks.acquire(id)) },
    });
    expect(await ingest(probed, shop.request())).toMatchObject({ ingest: { ingestId } });
    await using _lock = await locks.acquire('held');
    expect(await locks.acquire('held')).toBeUndefined();
  });

  it('is told the state of now, and what to do about one that is being cancelled', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(3));
    await expect(ingest(failOnceAt(shop.ports, 'plan.done'), shop.request())).rejects.toThrow('stopped at');
    const { ingestId } = await onlyIngest(shop);
    await shop.ports.catalog.moveIngest({ ingestId, from: ['FAILED'], to: 'CANCELLING' });
    const refused = resumeIngest(shop.ports, { ingestId });
    await expect(refused).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await expect(refused).rejects.toThrow(`is CANCELLING; run \`waybill cancel ${ingestId}\``);
    await cancelIngest(shop.ports, { ingestId });
    await expect(resumeIngest(shop.ports, { ingestId })).rejects.toThrow('is CANCELLED; there is nothing');
  });
});

describe('a request to cancel', () => {
  it.each(['plan.list.write', 'plan.shard.add', 'plan.done', 'shard.start', 'finalize.start'])(
    'met behind %s ends in CANCELLED',
    async (at) => {
      await using shop = await openWorkshop();
      shop.write(numbered(20));
      const cancelled: Promise<unknown>[] = [];
      const ports = withPorts(shop.ports, {
        faults: {
          reach: (point) => {
            if (point !== at || cancelled.length > 0) return;
            const asked = onlyIngest(shop).then(({ ingestId }) => cancelIngest(shop.ports, { ingestId }));
            cancelled.push(asked);
          },
        },
        catalog: {
          addShards: async (...args) => {
            await Promise.all(cancelled);
            return shop.ports.catalog.addShards(...args);
          },
          moveIngest: async (...args) => {
            if (args[0].to !== 'CANCELLING') await Promise.all(cancelled);
            return shop.ports.catalog.moveIngest(...args);
          },
        },
      });
      await expect(ingest(ports, shop.request())).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await onlyIngest(shop)).toMatchObject({ state: 'CANCELLED' });
      expect(await Array.fromAsync(listInterrupted(shop.ports))).toEqual([]);
      expect(await shop.ports.catalog.findVersion(REF)).toBeUndefined();
    },
  );

  it('that wins against the commit leaves no manifest behind', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(3));
    const { catalog, store } = shop.ports;
    const ports = withPorts(shop.ports, {
      catalog: {
        commitIngest: async (request, options) => {
          await catalog.moveIngest({ ingestId: request.ingestId, from: ['FINALIZING'], to: 'CANCELLING' });
          return catalog.commitIngest(request, options);
        },
      },
    });
    await expect(ingest(ports, shop.request())).rejects.toMatchObject({ code: 'CANCELLED' });
    const keys = (await Array.fromAsync(store.list('local/'))).map(({ key }) => key);
    expect(keys.filter((key) => !key.includes('packs/'))).toEqual([]);
  });
});

describe('what goes wrong', () => {
  it('behind the commit fails nothing', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(3));
    const { version } = await ingest(failOnceAt(shop.ports, 'finalize.staging.remove'), shop.request());
    expect(version).toMatchObject({ index: 0, entryCount: 3 });
    const { store } = shop.ports;
    const stuck = withPorts(shop.ports, {
      store: {
        remove: async (key, options) => {
          if (key.includes('manifests/')) throw new ArtifactError('IO', 'the disk is broken');
          return store.remove(key, options);
        },
      },
    });
    // A manifest is written since nobody could tell before that the version would be equal.
    await using other = await openWorkshop();
    other.write(numbered(3));
    shop.write({ 'f/00000': 'content x' });
    const { created } = await ingest(stuck, shop.request());
    shop.write({ 'f/00000': 'content 0' });
    const reuse = { ...shop.request().options, reuse: 'any' as const };
    expect(created).toBe(true);
    expect(await ingest(stuck, shop.request({ options: reuse }))).toMatchObject({
      created: false,
      version: { index: 0 },
    });
  });

  it('is reported, whatever goes wrong while it is recorded', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(3));
    const { catalog } = shop.ports;
    const broken = withPorts(shop.ports, {
      faults: {
        reach: (point) => {
          if (point === 'finalize.start') throw new ArtifactError('NO_SPACE', 'the first error');
        },
      },
      catalog: {
        moveIngest: async (move, options) => {
          if (move.to === 'FAILED') throw new ArtifactError('IO', 'the second error');
          return catalog.moveIngest(move, options);
        },
      },
    });
    await expect(ingest(broken, shop.request())).rejects.toThrow('the first error');
  });
});

it.each([0, LIMITS.largeFileBytes])(
  'what was published before a stop is not stored again (%i bytes more)',
  async (more) => {
    await using shop = await openWorkshop();
    shop.write({ file: Buffer.alloc(100 + more, 'x') });
    const [stopping, signal] = stopAt(shop.ports, { name: 'shard.object.record', time: 1 });
    await expect(ingest(stopping, shop.request(), { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    const request = shop.request({ options: { ...shop.request().options, useStatCache: false } });
    const again = await ingest(shop.ports, request);
    expect(again).toMatchObject({ created: true, ingest: { stats: { filesHashed: 1, blobsStored: 0 } } });
  },
);
