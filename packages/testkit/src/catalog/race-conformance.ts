import { describe, expect, test } from 'vitest';
import {
  blobsOf,
  cancel,
  commitOf,
  digestsOf,
  digestText,
  EVER,
  finalizing,
  NO_STATS,
  newIngest,
  newShard,
  storePack,
  type TestedCatalog,
  uniqueName,
  workingShard,
} from './catalog-fixture.ts';

const ROUNDS = 8;

/** What two connections do at once: for SQLite one after the other, for PostgreSQL really at once. */
export function describeRaces(get: () => { catalog: TestedCatalog; second: TestedCatalog }): void {
  describe('races', () => {
    test('commits to one new artifact get one number each', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const entity = uniqueName();
        const ingests = [];
        for (let n = 0; n < 4; n++) ingests.push(await finalizing(catalog, newIngest({ entity })));
        const results = await Promise.all(
          ingests.map((ingest, n) =>
            (n % 2 === 0 ? catalog : second).commitIngest(commitOf(ingest, { digest: digestText(`${n}`) })),
          ),
        );
        const versions = results.map((result) => (result.kind === 'committed' ? result.version : undefined));
        expect(new Set(versions.map((version) => version?.index))).toEqual(new Set([0, 1, 2, 3]));
        expect(new Set(versions.map((version) => version?.versionId)).size).toBe(4);
        const artifact = await catalog.getArtifact({ entity, project: 'p', name: 'n' });
        expect(artifact).toMatchObject({ versionCount: 4, latestIndex: 3 });
      }
    });

    test('commits of equal content make one version', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const entity = uniqueName();
        const one = await finalizing(catalog, newIngest({ entity, aliases: ['a'] }));
        const two = await finalizing(second, newIngest({ entity, aliases: ['b'] }));
        const results = await Promise.all([
          catalog.commitIngest(commitOf(one)),
          second.commitIngest(commitOf(two)),
        ]);
        const created = results.filter((result) => result.kind === 'committed' && result.created);
        expect(created).toHaveLength(1);
        const found = await catalog.findVersion({ entity, project: 'p', name: 'n', alias: 'latest' });
        expect(found).toMatchObject({ index: 0, aliases: ['a', 'b', 'latest'] });
      }
    });

    test('first commits of two types: one wins, the other is told', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const entity = uniqueName();
        const one = await finalizing(catalog, newIngest({ entity, type: 'dataset' }));
        const two = await finalizing(second, newIngest({ entity, type: 'model' }));
        const results = await Promise.allSettled([
          catalog.commitIngest(commitOf(one)),
          second.commitIngest(commitOf(two, { digest: digestText('b') })),
        ]);
        const lost = results.flatMap((result): unknown[] =>
          result.status === 'rejected' ? [result.reason] : [],
        );
        expect(lost).toHaveLength(1);
        expect(lost[0]).toMatchObject({ code: 'TYPE_CONFLICT' });
      }
    });

    test('of cancel and commit one wins', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const ingest = await finalizing(catalog, newIngest({ entity: uniqueName() }));
        const { ingestId } = ingest;
        const commit = (): Promise<unknown> => catalog.commitIngest(commitOf(ingest));
        const stop = (): Promise<unknown> =>
          second.moveIngest({ ingestId, from: ['FINALIZING'], to: 'CANCELLING' });
        const [first, then] = round % 2 === 0 ? [commit, stop] : [stop, commit];
        await Promise.all([first(), then()]);
        const state = (await catalog.getIngest(ingestId))?.state;
        const version = await catalog.findVersion({ ...ingest.artifact, alias: 'latest' });
        expect([state, version?.index]).toEqual(
          state === 'COMMITTED' ? ['COMMITTED', 0] : ['CANCELLING', undefined],
        );
      }
    });

    test('two who take up one ingest: one has it', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const { ingestId } = await catalog.createIngest(newIngest({ entity: uniqueName() }));
        const take = (from: TestedCatalog): Promise<unknown> =>
          from.moveIngest({ ingestId, fence: 1, from: ['PLANNING'], to: 'PLANNING', newFence: true });
        const taken = await Promise.all([take(catalog), take(second)]);
        expect(taken.filter((record) => record !== undefined)).toHaveLength(1);
      }
    });

    test('two claims of one shard are two attempts, and one of them counts', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const ingest = await catalog.createIngest(newIngest({ entity: uniqueName() }));
        const [added] = await catalog.addShards(ingest, [newShard()]);
        const shardId = added?.shardId ?? 0;
        const [one, two] = await Promise.all([
          catalog.startShard({ shardId, fence: 1 }),
          second.startShard({ shardId, fence: 1 }),
        ]);
        expect(new Set([one?.attempt, two?.attempt])).toEqual(new Set([1, 2]));
        const result = { shardId, segment: undefined, stats: { ...NO_STATS, files: 1 }, notices: [] };
        const counted = await Promise.all([
          catalog.completeShard({ ...result, attempt: one?.attempt ?? 0 }),
          second.completeShard({ ...result, attempt: two?.attempt ?? 0 }),
        ]);
        expect(counted.filter((counts) => counts)).toHaveLength(1);
        const { stats } = (await catalog.getIngest(ingest.ingestId)) ?? {};
        expect(stats).toMatchObject({ shards: 1, shardsDone: 1, files: 1 });
      }
    });

    test('ingests created at once have a number each', async () => {
      const { catalog, second } = get();
      const entity = uniqueName();
      const created = await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          (n % 2 === 0 ? catalog : second).createIngest(newIngest({ entity })),
        ),
      );
      expect(new Set(created.map(({ sequence }) => sequence)).size).toBe(12);
    });

    test('objects that bring the same blobs at once: each blob lies in one of them', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const entity = uniqueName();
        const work = await workingShard(catalog, entity);
        const contents = Array.from({ length: 200 }, (_, n) => n);
        const stored = await Promise.all([
          storePack(catalog, { ...work, contents }),
          storePack(second, { ...work, contents: contents.toReversed() }),
          storePack(second, { ...work, contents: contents.slice(50, 150) }),
        ]);
        expect(stored.reduce((sum, { live }) => sum + live, 0)).toBe(200);
        const located = await catalog.locate({ entity, algorithm: 'MD5', digests: digestsOf(...contents) });
        for (const { key, live } of stored) {
          expect(located.filter((found) => found?.key === key)).toHaveLength(live);
        }
      }
    });

    test('of a use and a collection one wins: what was said to be there stays', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const entity = uniqueName();
        const work = await workingShard(catalog, entity);
        const contents = Array.from({ length: 60 }, (_, n) => n);
        for (let at = 0; at < 60; at += 10) {
          await storePack(catalog, { ...work, contents: contents.slice(at, at + 10) });
        }
        await cancel(catalog, work.ingest.ingestId);
        const { collection, thresholdTick } = await catalog.beginCollection(entity);
        const open = await workingShard(second, entity);
        const condemnAll = async (): Promise<void> => {
          for (;;) {
            const scope = { entity, collection, thresholdTick, limit: 7 };
            if ((await catalog.condemnUnreferenced(scope)).blobs === 0) return;
          }
        };
        const used = new Set<number>();
        const useSome = async (): Promise<void> => {
          for (let at = 0; at < 60; at += 6) {
            const asked = contents.slice(at, at + 6);
            const digests = digestsOf(...asked);
            const present = await second.markUsed({ entity, algorithm: 'MD5', digests });
            for (const [row, content] of asked.entries()) if (present[row] === 1) used.add(content);
          }
          // What is missing is stored anew, as an ingest does.
          const missing = contents.slice(30).filter((content) => !used.has(content));
          await storePack(second, { ...open, contents: missing });
          for (const content of missing) used.add(content);
        };
        await Promise.all([condemnAll(), useSome()]);
        const located = await second.locate({ entity, algorithm: 'MD5', digests: digestsOf(...contents) });
        for (const content of used) expect(located[content], `content ${content}`).toBeDefined();
      }
    });

    test('what is stored again while a collection takes it away stays', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const entity = uniqueName();
        const contents = Array.from({ length: 40 }, (_, n) => n);
        const work = await workingShard(catalog, entity);
        for (const content of contents) await storePack(catalog, { ...work, contents: [content] });
        await cancel(catalog, work.ingest.ingestId);
        const { collection, thresholdTick } = await catalog.beginCollection(entity);
        const open = await workingShard(second, entity);
        const condemnAll = async (): Promise<void> => {
          const scope = { entity, collection, thresholdTick, limit: 2 };
          while ((await catalog.condemnUnreferenced(scope)).blobs > 0) {
            // Until nothing is left to condemn.
          }
        };
        const storeAll = async (): Promise<void> => {
          for (let at = 0; at < 40; at += 4) {
            await storePack(second, { ...open, contents: contents.slice(at, at + 4) });
          }
        };
        await Promise.all([condemnAll(), storeAll()]);
        const located = await catalog.locate({ entity, algorithm: 'MD5', digests: digestsOf(...contents) });
        expect(contents.filter((content) => located[content] === undefined)).toEqual([]);
      }
    });

    test('of recording and giving up an object one wins', async () => {
      const { catalog, second } = get();
      for (let round = 0; round < ROUNDS; round++) {
        const entity = uniqueName();
        const { ingest, shard } = await workingShard(catalog, entity);
        const owner = { ingestId: ingest.ingestId, shardId: shard.shardId, attempt: 1 };
        const key = `${entity}/packs/one`;
        const objectId = await catalog.announceObject({ entity, key, kind: 'pack', ...owner });
        await cancel(catalog, ingest.ingestId);
        const [recorded] = await Promise.allSettled([
          catalog.recordObject({ objectId, entity, algorithm: 'MD5', sizeBytes: 150, blobs: blobsOf(1) }),
          second.condemnAbandoned(entity),
        ]);
        const [located] = await catalog.locate({ entity, algorithm: 'MD5', digests: digestsOf(1) });
        const condemned = await catalog.listCondemned({ entity, condemnedBeforeMs: EVER, limit: 9 });
        if (recorded.status === 'fulfilled') {
          expect([located?.key, condemned.length]).toEqual([key, 0]);
        } else {
          expect(recorded.reason).toMatchObject({ code: 'STATE_CONFLICT' });
          expect([located, condemned.length]).toEqual([undefined, 1]);
        }
      }
    });
  });
}
