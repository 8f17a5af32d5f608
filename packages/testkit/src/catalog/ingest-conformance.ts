import { type NewNotice, OPEN_INGEST_STATES, type SegmentRef } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import {
  allPages,
  commitVersion,
  digestsOf,
  type ManualClock,
  NO_STATS,
  newIngest,
  newSegment,
  newShard,
  type TestedCatalog,
  uniqueName,
  workingShard,
} from './catalog-fixture.ts';

export function describeIngests(get: () => { catalog: TestedCatalog; clock: ManualClock }): void {
  describe('ingests', () => {
    test('are recorded whole, in order of creation', async () => {
      const { catalog, clock } = get();
      const entity = uniqueName();
      const spec = newIngest({ entity, aliases: ['a'], metadata: { k: [1] }, description: 'd' });
      const record = await catalog.createIngest(spec);
      expect(record).toEqual({
        ...spec,
        digestAlgorithm: 'MD5',
        sequence: record.sequence,
        state: 'PLANNING',
        fence: 1,
        stats: { ...NO_STATS, shards: 0, shardsDone: 0 },
        error: undefined,
        versionId: undefined,
        createdAtMs: clock.nowMs(),
        updatedAtMs: clock.nowMs(),
      });
      expect(await catalog.getIngest(spec.ingestId)).toEqual(record);
      expect(await catalog.getIngest('none')).toBeUndefined();
      await expect(catalog.createIngest(spec)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      const next = await catalog.createIngest(newIngest({ entity }));
      expect(next.sequence).toBeGreaterThan(record.sequence);
    });

    test('are listed by state, fingerprint and entity, in pages', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const ids: string[] = [];
      for (let count = 0; count < 5; count++) {
        ids.push((await catalog.createIngest(newIngest({ entity, fingerprint: `f${count % 2}` }))).ingestId);
      }
      const failed = ids[2] ?? '';
      await catalog.moveIngest({ ingestId: failed, from: ['PLANNING'], to: 'FAILED' });
      const list = async (
        filter: Partial<Parameters<TestedCatalog['listIngests']>[0]>,
      ): Promise<string[]> => {
        const found = await allPages((page) => catalog.listIngests({ entity, ...filter, ...page }), {
          cursor: ({ sequence }) => sequence,
          limit: 2,
        });
        return found.map(({ ingestId }) => ingestId);
      };
      expect(await list({})).toEqual(ids);
      expect(await list({ states: ['FAILED'] })).toEqual([failed]);
      expect(await list({ states: OPEN_INGEST_STATES })).toEqual(ids);
      expect(await list({ states: [] })).toEqual([]);
      expect(await list({ fingerprint: 'f1' })).toEqual([ids[1], ids[3]]);
      expect(await list({ fingerprint: 'f0', states: ['PLANNING'] })).toEqual([ids[0], ids[4]]);
      expect(await list({ entity: uniqueName() })).toEqual([]);
    });

    test('move by compare-and-set of state and fence', async () => {
      const { catalog, clock } = get();
      const { ingestId } = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      clock.advance(1);
      const move = catalog.moveIngest.bind(catalog);
      expect(await move({ ingestId, from: ['RUNNING'], to: 'FINALIZING' })).toBeUndefined();
      expect(await move({ ingestId, fence: 2, from: ['PLANNING'], to: 'RUNNING' })).toBeUndefined();
      expect(await move({ ingestId, fence: 1, from: ['PLANNING'], to: 'RUNNING' })).toMatchObject({
        state: 'RUNNING',
        fence: 1,
        updatedAtMs: clock.nowMs(),
      });
      const taken = await move({ ingestId, fence: 1, from: ['RUNNING'], to: 'RUNNING', newFence: true });
      expect(taken).toMatchObject({ state: 'RUNNING', fence: 2 });
      expect(await move({ ingestId, fence: 1, from: ['RUNNING'], to: 'FINALIZING' })).toBeUndefined();
      const error = { code: 'NO_SPACE', message: 'full', details: { free: 0 } } as const;
      const failed = await move({ ingestId, from: ['PLANNING', 'RUNNING'], to: 'FAILED', error });
      expect(failed).toMatchObject({ state: 'FAILED', error });
      expect((await move({ ingestId, from: ['FAILED'], to: 'CANCELLING' }))?.error).toEqual(error);
      expect((await move({ ingestId, from: ['CANCELLING'], to: 'CANCELLED' }))?.state).toBe('CANCELLED');
      expect(await move({ ingestId: 'none', from: ['PLANNING'], to: 'RUNNING' })).toBeUndefined();
    });

    test('taken up again, forget their error', async () => {
      const { catalog } = get();
      const { ingestId } = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      const error = { code: 'IO', message: 'x', details: {} } as const;
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'FAILED', error });
      const again = await catalog.moveIngest({ ingestId, from: ['FAILED'], to: 'RUNNING', newFence: true });
      expect(again).toMatchObject({ error: undefined, fence: 2 });
    });

    test('keep a long error without its details, and tell state and fence alone', async () => {
      const { catalog } = get();
      const { ingestId } = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      const problems = Array.from({ length: 10_000 }, (_, n) => ({
        path: `p${n}`,
        reason: 'r',
        message: 'm',
      }));
      const error = { code: 'SOURCE_UNREADABLE', message: 'many', details: { problems } } as const;
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'FAILED', error });
      expect((await catalog.getIngest(ingestId))?.error).toEqual({ ...error, details: {} });
      expect(await catalog.getIngestState(ingestId)).toEqual({ state: 'FAILED', fence: 1 });
      expect(await catalog.getIngestState('none')).toBeUndefined();
    });

    test('are neither finalized nor committed while a shard is not done', async () => {
      const { catalog } = get();
      const { ingest, shard } = await workingShard(catalog, uniqueName());
      const { ingestId } = ingest;
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'RUNNING' });
      const finalize = (): Promise<unknown> =>
        catalog.moveIngest({ ingestId, from: ['RUNNING'], to: 'FINALIZING' });
      await expect(finalize()).rejects.toMatchObject({ code: 'INTERNAL', message: /1 of 1 shards/ });
      expect(await catalog.getIngestState(ingestId)).toEqual({ state: 'RUNNING', fence: 1 });
      const { shardId } = shard;
      await catalog.completeShard({ shardId, attempt: 1, segment: undefined, stats: NO_STATS, notices: [] });
      expect(await finalize()).toMatchObject({ state: 'FINALIZING' });
    });

    test('never move where the table of states does not lead', async () => {
      const { catalog } = get();
      const { ingestId } = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      const moves = [
        { from: ['PLANNING'], to: 'FINALIZING' },
        { from: ['FINALIZING'], to: 'COMMITTED' },
        { from: ['PLANNING'], to: 'PLANNING' },
        { from: ['CANCELLED'], to: 'RUNNING' },
      ] as const;
      for (const move of moves) {
        await expect(catalog.moveIngest({ ingestId, ...move })).rejects.toMatchObject({ code: 'INTERNAL' });
      }
    });

    test('prove what is stored while their version is there', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { version, ingest } = await commitVersion(catalog, { entity, content: 'a' });
      const { ingest: reusing } = await commitVersion(catalog, { entity, content: 'a' });
      const open = await catalog.createIngest(newIngest({ entity }));
      const replanned = newIngest({ entity, artifact: { entity, project: 'p', name: 'again' } });
      const { ingestId, sequence } = await catalog.createIngest(replanned);
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'PLANNING', newFence: true });
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'RUNNING' });
      await catalog.moveIngest({ ingestId, from: ['RUNNING'], to: 'FINALIZING' });
      const key = `${entity}/manifests/${ingestId}-2`;
      const manifest = { key, sizeBytes: 1, footerBytes: 1, footerCrc32: 1 };
      const totals = { digest: 'x', entryCount: 0, sizeBytes: 0, placement: 'p' };
      await catalog.commitIngest({ ingestId, fence: 2, ...totals, manifest });
      const asked = [open.sequence, ingest.sequence, reusing.sequence, sequence, 1_000_000_000];
      expect(await catalog.committedIngests(asked)).toEqual([ingest.sequence, reusing.sequence]);
      expect(await catalog.committedIngests(asked, { entity })).toEqual([ingest.sequence, reusing.sequence]);
      expect(await catalog.committedIngests(asked, { entity: uniqueName() })).toEqual([]);
      expect(await catalog.committedIngests([])).toEqual([]);
      await catalog.deleteVersion(version.versionId, { deleteAliases: true });
      expect(await catalog.committedIngests(asked)).toEqual([]);
    });

    test('prove nothing any more once blobs were found wrong or the index was emptied', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const empty = [
        () => catalog.dropBlobs({ entity, algorithm: 'MD5' as const, digests: digestsOf(1) }),
        () => catalog.resetIndex(entity),
      ];
      for (const act of empty) {
        const { ingest } = await commitVersion(catalog, { entity, content: 'a' });
        const open = await catalog.createIngest(newIngest({ entity }));
        expect(await catalog.committedIngests([ingest.sequence])).toEqual([ingest.sequence]);
        await act();
        expect(await catalog.committedIngests([ingest.sequence, open.sequence])).toEqual([]);
        const { ingest: later } = await commitVersion(catalog, { entity, content: 'a' });
        expect(await catalog.committedIngests([later.sequence])).toEqual([later.sequence]);
      }
    });
  });

  describe('shards', () => {
    test('are added while planning, listed in pages, and counted', async () => {
      const { catalog } = get();
      const ingest = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      const { ingestId } = ingest;
      const slices = Array.from({ length: 7 }, (_, n) => newShard({ listSkip: n * 10, sourceIndex: n % 2 }));
      const added = [
        ...(await catalog.addShards(ingest, slices.slice(0, 3))),
        ...(await catalog.addShards(ingest, [])),
        ...(await catalog.addShards(ingest, slices.slice(3))),
      ];
      expect(added.map(({ listSkip }) => listSkip)).toEqual([0, 10, 20, 30, 40, 50, 60]);
      const [first] = added;
      expect(first).toEqual({
        ...newShard(),
        shardId: first?.shardId,
        ingestId,
        attempt: 0,
        state: 'PENDING',
        segment: undefined,
      });
      const listed = await allPages((page) => catalog.listShards({ ingestId, ...page }), {
        cursor: ({ shardId }) => shardId,
        limit: 3,
      });
      expect(listed).toEqual(added);
      expect((await catalog.getIngest(ingestId))?.stats.shards).toBe(7);
      const stale = catalog.addShards({ ingestId, fence: 2 }, [newShard()]);
      await expect(stale).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'RUNNING' });
      const late = catalog.addShards(ingest, [newShard()]);
      await expect(late).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      const unknown = catalog.addShards({ ingestId: 'none', fence: 1 }, [newShard()]);
      await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('more of them than one statement takes keep their order', async () => {
      const { catalog } = get();
      const ingest = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      const slices = Array.from({ length: 1_201 }, (_, n) => newShard({ listSkip: n }));
      const added = await catalog.addShards(ingest, slices);
      expect(added.map(({ listSkip }) => listSkip)).toEqual(slices.map(({ listSkip }) => listSkip));
      expect(new Set(added.map(({ shardId }) => shardId)).size).toBe(slices.length);
    });

    test('start an attempt at a time, and one attempt completes', async () => {
      const { catalog } = get();
      const { ingest, shard } = await workingShard(catalog, uniqueName());
      const { shardId } = shard;
      expect(shard.attempt).toBe(1);
      const second = await catalog.startShard({ shardId, fence: 1 });
      expect(second).toEqual({ ...shard, attempt: 2 });
      const stats = { files: 2, bytes: 20, filesHashed: 1, bytesHashed: 10, blobsStored: 1, bytesStored: 10 };
      const notices: NewNotice[] = [
        { severity: 'left-out', reason: 'socket', path: 'a\nb', message: 'm' },
        { severity: 'failed', reason: 'unreadable', path: 'ü', message: '' },
      ];
      const segment = newSegment({ ...shard, attempt: 2 });
      const result = { shardId, segment, stats, notices };
      expect(await catalog.completeShard({ ...result, attempt: 1 })).toBe(false);
      expect(await catalog.completeShard({ ...result, attempt: 2 })).toBe(true);
      expect(await catalog.completeShard({ ...result, attempt: 2 })).toBe(false);
      const { ingestId } = ingest;
      expect((await catalog.getIngest(ingestId))?.stats).toEqual({ ...stats, shards: 1, shardsDone: 1 });
      expect(await catalog.countNotices(ingestId)).toEqual({ leftOut: 1, failed: 1 });
      const done = { ...shard, attempt: 2, state: 'DONE', segment };
      expect(await catalog.listShards({ ingestId, limit: 9 })).toEqual([done]);
      expect(await catalog.listShards({ ingestId, state: 'PENDING', limit: 9 })).toEqual([]);
      expect(await catalog.startShard({ shardId, fence: 1 })).toBeUndefined();
    });

    test('neither start nor complete for an older execution or an ended ingest', async () => {
      const { catalog } = get();
      const { ingest, shard } = await workingShard(catalog, uniqueName());
      const { ingestId } = ingest;
      const { shardId, attempt } = shard;
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'PLANNING', newFence: true });
      expect(await catalog.startShard({ shardId, fence: 1 })).toBeUndefined();
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'CANCELLING' });
      expect(await catalog.startShard({ shardId, fence: 2 })).toBeUndefined();
      const result = { shardId, attempt, segment: undefined, stats: NO_STATS, notices: [] };
      expect(await catalog.completeShard(result)).toBe(false);
      expect(await catalog.startShard({ shardId: 1_000_000_000, fence: 1 })).toBeUndefined();
      expect(await catalog.completeShard({ ...result, shardId: 1_000_000_000 })).toBe(false);
    });

    test('split: what is left becomes shards', async () => {
      const { catalog } = get();
      const { ingest, shard } = await workingShard(catalog, uniqueName());
      const { shardId, attempt } = shard;
      const remainder = [newShard({ listSkip: 4, listCount: 3 }), newShard({ listSkip: 7, listCount: 3 })];
      const split = { shardId, keepCount: 4, remainder };
      expect(await catalog.splitShard({ ...split, attempt: attempt + 1 })).toBeUndefined();
      // Planning may be over: the shards of a split are added all the same.
      await catalog.moveIngest({ ingestId: ingest.ingestId, from: ['PLANNING'], to: 'RUNNING' });
      const added = await catalog.splitShard({ ...split, attempt });
      expect(added).toMatchObject(remainder);
      const all = await catalog.listShards({ ingestId: ingest.ingestId, limit: 9 });
      expect(all.map(({ listSkip, listCount }) => [listSkip, listCount])).toEqual([
        [0, 4],
        [4, 3],
        [7, 3],
      ]);
      expect((await catalog.getIngest(ingest.ingestId))?.stats.shards).toBe(3);
    });

    test('are forgotten with notices and sums when sources are planned anew', async () => {
      const { catalog } = get();
      const { ingest, shard } = await workingShard(catalog, uniqueName());
      const { ingestId } = ingest;
      const notices: NewNotice[] = [{ severity: 'failed', reason: 'r', path: 'p', message: 'm' }];
      await catalog.completeShard({
        shardId: shard.shardId,
        attempt: 1,
        segment: undefined,
        stats: { ...NO_STATS, files: 5 },
        notices,
      });
      const again = await catalog.moveIngest({
        ingestId,
        from: ['PLANNING'],
        to: 'PLANNING',
        newFence: true,
      });
      await expect(catalog.resetShards(ingest)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await catalog.resetShards({ ingestId, fence: again?.fence ?? 0 });
      expect(await catalog.listShards({ ingestId, limit: 9 })).toEqual([]);
      expect(await catalog.listNotices({ ingestId, limit: 9 })).toEqual([]);
      expect(await catalog.countNotices(ingestId)).toEqual({ leftOut: 0, failed: 0 });
      expect((await catalog.getIngest(ingestId))?.stats).toEqual({ ...NO_STATS, shards: 0, shardsDone: 0 });
      const [fresh] = await catalog.addShards({ ingestId, fence: 2 }, [newShard()]);
      // A number used again would be a staged key written twice.
      expect(fresh?.shardId).toBeGreaterThan(shard.shardId);
    });

    test('segments stream by layer, then first path in UTF-8 byte order', async () => {
      const { catalog } = get();
      const ingest = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      const paths = ['b', 'a/\u{1f600}', 'a/\uffee', 'a', 'Z', 'é', `${'x'.repeat(8_000)}/y`, 'a\n'];
      const slices = [...paths, 'low', 'none'].map((path) => newShard({ layer: path === 'low' ? 0 : 1 }));
      const shards = await catalog.addShards(ingest, slices);
      for (const [n, { shardId }] of shards.entries()) {
        const shard = await catalog.startShard({ shardId, fence: 1 });
        if (shard === undefined) throw new Error('the shard did not start');
        const firstPath = [...paths, 'low'][n];
        const segment = firstPath === undefined ? undefined : newSegment(shard, { firstPath });
        await catalog.completeShard({ shardId, attempt: 1, segment, stats: NO_STATS, notices: [] });
      }
      const segments: SegmentRef[] = [];
      for await (const segment of catalog.listSegments(ingest.ingestId)) segments.push(segment);
      const sorted = paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(segments.map(({ firstPath }) => firstPath)).toEqual(['low', ...sorted]);
      expect(segments[0]).toMatchObject({ layer: 0, entryCount: 1, sizeBytes: 100, lastPath: 'b' });
    });
  });
}
