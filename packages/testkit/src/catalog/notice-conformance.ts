import type { NewNotice } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import {
  allPages,
  NO_STATS,
  newIngest,
  newShard,
  type TestedCatalog,
  uniqueName,
  workingShard,
} from './catalog-fixture.ts';

export function describeNotices(get: () => { catalog: TestedCatalog }): void {
  describe('notices', () => {
    test('are kept exactly, counted and listed in pages', async () => {
      const { catalog } = get();
      const ingest = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      const { ingestId } = ingest;
      const notices = Array.from({ length: 1_203 }, (_, n): NewNotice => {
        const severity = n % 3 === 0 ? 'failed' : 'left-out';
        return { severity, reason: 'r', path: `p\\${n}\n'"`, message: `ü ${n}` };
      });
      for (const some of [notices.slice(0, 3), notices.slice(3), []]) {
        await catalog.addWalkNotices(ingest, { sourceIndex: 0, notices: some });
      }
      const list = (severity?: NewNotice['severity']): Promise<NewNotice[]> =>
        allPages(
          (page) =>
            catalog.listNotices({ ingestId, ...(severity === undefined ? {} : { severity }), ...page }),
          { cursor: ({ noticeId }) => noticeId, limit: 500 },
        ).then((found) => found.map(({ noticeId: _, ...notice }) => notice));
      expect(await list()).toEqual(notices);
      expect(await list('failed')).toEqual(notices.filter(({ severity }) => severity === 'failed'));
      expect(await catalog.countNotices(ingestId)).toEqual({ leftOut: 802, failed: 401 });
      const unknown = catalog.addWalkNotices({ ingestId: 'none', fence: 1 }, { sourceIndex: 0, notices });
      await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('of a walk are forgotten from a source on; those of shards and of sources before stay', async () => {
      const { catalog } = get();
      const { ingest, shard } = await workingShard(catalog, uniqueName());
      const { ingestId } = ingest;
      const notice = (path: string, severity: NewNotice['severity']): NewNotice => ({
        severity,
        reason: 'r',
        path,
        message: 'm',
      });
      for (const sourceIndex of [0, 1, 2]) {
        const notices = [notice(`${sourceIndex}`, 'left-out'), notice(`${sourceIndex}`, 'failed')];
        await catalog.addWalkNotices(ingest, { sourceIndex, notices });
      }
      const notices = [notice('shard', 'failed')];
      const { shardId } = shard;
      await catalog.completeShard({ shardId, attempt: 1, segment: undefined, stats: NO_STATS, notices });
      await catalog.dropWalkNotices(ingest, { sourceIndex: 1 });
      const left = await catalog.listNotices({ ingestId, limit: 9 });
      expect(left.map(({ path, severity }) => `${path} ${severity}`)).toEqual([
        '0 left-out',
        '0 failed',
        'shard failed',
      ]);
      expect(await catalog.countNotices(ingestId)).toEqual({ leftOut: 1, failed: 2 });
    });

    test('of a walk are taken from the execution that plans alone', async () => {
      const { catalog } = get();
      const ingest = await catalog.createIngest(newIngest({ entity: uniqueName() }));
      const { ingestId } = ingest;
      const notices: NewNotice[] = [{ severity: 'left-out', reason: 'r', path: 'p', message: 'm' }];
      const attempts = [
        () => catalog.addWalkNotices(ingest, { sourceIndex: 0, notices }),
        () => catalog.dropWalkNotices(ingest, { sourceIndex: 0 }),
        () => catalog.addShards(ingest, [newShard()]),
      ];
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'PLANNING', newFence: true });
      for (const late of attempts) await expect(late()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'CANCELLING' });
      for (const late of attempts) await expect(late()).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await catalog.countNotices(ingestId)).toEqual({ leftOut: 0, failed: 0 });
    });
  });
}
