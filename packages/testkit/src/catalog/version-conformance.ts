import { formatArtifactName } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import {
  allPages,
  cancel,
  commitOf,
  commitVersion,
  digestText,
  finalizing,
  type ManualClock,
  needCommitted,
  newIngest,
  type TestedCatalog,
  uniqueName,
} from './catalog-fixture.ts';

export function describeVersions(get: () => { catalog: TestedCatalog; clock: ManualClock }): void {
  describe('versions', () => {
    test('a first commit makes the artifact, v0 and latest, with everything the ingest said', async () => {
      const { catalog, clock } = get();
      const entity = uniqueName();
      const spec = newIngest({
        entity,
        aliases: ['best', 'ä'],
        description: 'Two *files*\nwith a line break',
        metadata: { rate: 0.5, nested: { list: [1, null, 'x\u0000y'] } },
        digestAlgorithm: 'XXH128',
      });
      const ingest = await finalizing(catalog, spec);
      expect(await catalog.getArtifact(spec.artifact)).toBeUndefined();
      const request = commitOf(ingest);
      const { version, created } = needCommitted(await catalog.commitIngest(request));
      expect(created).toBe(true);
      expect(version).toEqual({
        ...spec.artifact,
        versionId: version.versionId,
        artifactId: version.artifactId,
        type: 'dataset',
        index: 0,
        state: 'COMMITTED',
        digest: request.digest,
        digestAlgorithm: 'XXH128',
        description: spec.description,
        metadata: spec.metadata,
        entryCount: 3,
        sizeBytes: 30,
        aliases: ['best', 'latest', 'ä'],
        manifest: request.manifest,
        ingestId: spec.ingestId,
        sources: spec.sources,
        leftOutCount: 0,
        createdAtMs: clock.nowMs(),
        updatedAtMs: clock.nowMs(),
      });
      expect(await catalog.getArtifact(spec.artifact)).toEqual({
        ...spec.artifact,
        artifactId: version.artifactId,
        type: 'dataset',
        digestAlgorithm: 'XXH128',
        versionCount: 1,
        latestIndex: 0,
        createdAtMs: clock.nowMs(),
        updatedAtMs: clock.nowMs(),
      });
      expect(await catalog.getIngest(spec.ingestId)).toMatchObject({
        state: 'COMMITTED',
        versionId: version.versionId,
      });
      expect(await catalog.getVersion(version.versionId)).toEqual(version);
      expect(await catalog.getVersion(version.versionId + 1_000_000)).toBeUndefined();
    });

    test('is found by vN and by alias, when it is committed', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { version: v0 } = await commitVersion(catalog, { entity, content: 'a', aliases: ['old'] });
      const { version: v1 } = await commitVersion(catalog, { entity, content: 'b' });
      const find = async (alias: string): Promise<number | undefined> =>
        (await catalog.findVersion({ entity, project: 'p', name: 'n', alias }))?.versionId;
      expect(await find('v0')).toBe(v0.versionId);
      expect(await find('old')).toBe(v0.versionId);
      expect(await find('v1')).toBe(v1.versionId);
      expect(await find('latest')).toBe(v1.versionId);
      expect(await find('v2')).toBeUndefined();
      expect(await find('v01')).toBeUndefined();
      expect(await find('best')).toBeUndefined();
      const elsewhere = { entity: uniqueName(), project: 'p', name: 'n', alias: 'latest' };
      expect(await catalog.findVersion(elsewhere)).toBeUndefined();
    });

    test('has a number that is never used again, and a DELETED one satisfies no digest', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { version: v0 } = await commitVersion(catalog, { entity, content: 'a' });
      const deleted = await catalog.deleteVersion(v0.versionId, { deleteAliases: true });
      expect(deleted).toMatchObject({ state: 'DELETED', aliases: [] });
      expect(await catalog.getVersion(v0.versionId)).toMatchObject({ state: 'DELETED' });
      for (const reuse of ['latest', 'any'] as const) {
        const again = await commitVersion(catalog, { entity, content: 'a', reuse });
        expect(again.created).toBe(true);
        expect(again.version.index).toBe(reuse === 'latest' ? 1 : 2);
        await catalog.deleteVersion(again.version.versionId, { deleteAliases: true });
      }
      expect(await catalog.getArtifact(v0)).toMatchObject({ versionCount: 0, latestIndex: undefined });
      expect(await catalog.listVersions(v0.artifactId, { limit: 10 })).toEqual([]);
    });

    test('versions are listed newest first, artifacts by id, both in pages', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      for (const content of ['a', 'b', 'c', 'd', 'e']) await commitVersion(catalog, { entity, content });
      const artifact = await catalog.getArtifact({ entity, project: 'p', name: 'n' });
      const artifactId = artifact?.artifactId ?? 0;
      for (const limit of [1, 2, 5, 9]) {
        const versions = await allPages((page) => catalog.listVersions(artifactId, page), {
          cursor: ({ index }) => index,
          limit,
        });
        expect(versions.map(({ index }) => index)).toEqual([4, 3, 2, 1, 0]);
      }
      for (const name of ['x', 'y', 'ö']) {
        const project = name === 'y' ? 'q' : 'p';
        await commitVersion(catalog, { entity, content: 'a', artifact: { entity, project, name } });
      }
      const list = (scope: { project?: string }): Promise<string[]> =>
        allPages((page) => catalog.listArtifacts({ entity, ...scope, ...page }), {
          cursor: ({ artifactId: id }) => id,
          limit: 2,
        }).then((found) => found.map(formatArtifactName));
      expect(await list({})).toEqual([`${entity}/p/n`, `${entity}/p/x`, `${entity}/q/y`, `${entity}/p/ö`]);
      expect(await list({ project: 'q' })).toEqual([`${entity}/q/y`]);
      expect(await list({ project: 'none' })).toEqual([]);
    });

    test('may be edited: what is not named stays', async () => {
      const { catalog, clock } = get();
      const entity = uniqueName();
      const { version } = await commitVersion(catalog, { entity, content: 'a', description: 'one' });
      const { versionId } = version;
      clock.advance(5);
      const edited = await catalog.editVersion(versionId, { metadata: { a: 1 } });
      expect(edited).toEqual({ ...version, metadata: { a: 1 }, updatedAtMs: clock.nowMs() });
      expect((await catalog.editVersion(versionId, { description: 'two' })).description).toBe('two');
      const cleared = await catalog.editVersion(versionId, { description: undefined });
      expect(cleared.description).toBeUndefined();
      expect(cleared.metadata).toEqual({ a: 1 });
      await catalog.deleteVersion(versionId, { deleteAliases: true });
      const change = catalog.editVersion(versionId, { description: 'x' });
      await expect(change).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      const unknown = catalog.editVersion(versionId + 1_000_000, { description: 'x' });
      await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
  });

  describe('aliases', () => {
    test('move between versions of their artifact, and only there', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { version: v0 } = await commitVersion(catalog, { entity, content: 'a', aliases: ['best'] });
      const { version: v1 } = await commitVersion(catalog, { entity, content: 'b' });
      const other = { entity, project: 'p', name: 'other' };
      const { version: far } = await commitVersion(catalog, {
        entity,
        content: 'a',
        artifact: other,
        aliases: ['best'],
      });
      expect((await catalog.addAliases(v1.versionId, ['best', 'new', 'best'])).aliases).toEqual([
        'best',
        'latest',
        'new',
      ]);
      expect((await catalog.getVersion(v0.versionId))?.aliases).toEqual([]);
      expect((await catalog.getVersion(far.versionId))?.aliases).toEqual(['best', 'latest']);
      expect(await catalog.removeAliases(v0.artifactId, ['best', 'gone'])).toEqual(['gone']);
      expect((await catalog.getVersion(v1.versionId))?.aliases).toEqual(['latest', 'new']);
    });

    test('vN is reserved', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { version } = await commitVersion(catalog, { entity, content: 'a' });
      const added = catalog.addAliases(version.versionId, ['v7']);
      await expect(added).rejects.toMatchObject({ code: 'INVALID_ALIAS' });
      const created = catalog.createIngest(newIngest({ entity, aliases: ['v0'] }));
      await expect(created).rejects.toMatchObject({ code: 'INVALID_ALIAS' });
    });

    test('protect their version from deletion', async () => {
      const { catalog } = get();
      const { version } = await commitVersion(catalog, {
        entity: uniqueName(),
        content: 'a',
        aliases: ['x'],
      });
      const refused = catalog.deleteVersion(version.versionId, { deleteAliases: false });
      await expect(refused).rejects.toMatchObject({ code: 'ALIAS_CONFLICT' });
      await expect(refused).rejects.toThrow('latest, x');
      await catalog.removeAliases(version.artifactId, ['x', 'latest']);
      const deleted = await catalog.deleteVersion(version.versionId, { deleteAliases: false });
      expect(deleted.state).toBe('DELETED');
      const again = catalog.deleteVersion(version.versionId, { deleteAliases: true });
      await expect(again).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      const named = catalog.addAliases(version.versionId, ['x']);
      await expect(named).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    });

    test('of an unknown version or artifact are NOT_FOUND', async () => {
      const { catalog } = get();
      const added = catalog.addAliases(1_000_000_000, ['x']);
      await expect(added).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const removed = catalog.removeAliases(1_000_000_000, ['x']);
      await expect(removed).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const deleted = catalog.deleteVersion(1_000_000_000, { deleteAliases: true });
      await expect(deleted).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
  });

  describe('commit', () => {
    test('of the content of latest makes no version; requested aliases move', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { version } = await commitVersion(catalog, { entity, content: 'a' });
      const again = await commitVersion(catalog, { entity, content: 'a', aliases: ['best'] });
      expect(again.created).toBe(false);
      expect(again.version).toMatchObject({ versionId: version.versionId, aliases: ['best', 'latest'] });
      expect((await catalog.getIngest(again.ingest.ingestId))?.versionId).toBe(version.versionId);
      expect(await catalog.getArtifact(version)).toMatchObject({ versionCount: 1 });
    });

    test('reuses an older version only when asked to, and then latest moves there', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { version: v0 } = await commitVersion(catalog, { entity, content: 'a' });
      await commitVersion(catalog, { entity, content: 'b' });
      const any = await commitVersion(catalog, { entity, content: 'a', reuse: 'any', aliases: ['x'] });
      expect(any).toMatchObject({ created: false, version: { versionId: v0.versionId } });
      expect(any.version.aliases).toEqual(['latest', 'x']);
      const never = await commitVersion(catalog, { entity, content: 'a', reuse: 'never' });
      expect(never).toMatchObject({ created: true, version: { index: 2, aliases: ['latest'] } });
      const latest = await commitVersion(catalog, { entity, content: 'b' });
      expect(latest).toMatchObject({ created: true, version: { index: 3 } });
    });

    test('without latest, equal content is a new version', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const { version } = await commitVersion(catalog, { entity, content: 'a' });
      await catalog.removeAliases(version.artifactId, ['latest']);
      const again = await commitVersion(catalog, { entity, content: 'a' });
      expect(again).toMatchObject({ created: true, version: { index: 1 } });
    });

    test('equal content stored elsewhere, or cut into other entries, is a new version', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const changes = [{}, { placement: 'r' }, { entryCount: 2 }, { sizeBytes: 29 }];
      for (const reuse of ['latest', 'any'] as const) {
        for (const [n, change] of changes.entries()) {
          const artifact = { entity, project: 'p', name: `n-${reuse}` };
          const ingest = await finalizing(catalog, newIngest({ entity, reuse, artifact }));
          const request = commitOf(ingest, { digest: digestText('a'), ...change });
          const bare = { ...request, manifest: undefined };
          expect(await catalog.commitIngest(bare)).toEqual({ kind: 'manifest-needed' });
          expect(needCommitted(await catalog.commitIngest(request))).toMatchObject({
            created: true,
            version: { index: n },
          });
        }
      }
    });

    test('without a manifest needs a version with the digest, and changes nothing else', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const first = await finalizing(catalog, newIngest({ entity }));
      const bare = commitOf(first, { manifest: undefined, digest: digestText('a') });
      expect(await catalog.commitIngest(bare)).toEqual({ kind: 'manifest-needed' });
      expect(await catalog.getArtifact(first.artifact)).toBeUndefined();
      expect((await catalog.getIngest(first.ingestId))?.state).toBe('FINALIZING');
      needCommitted(await catalog.commitIngest(commitOf(first, { digest: digestText('a') })));
      const second = await finalizing(catalog, newIngest({ entity }));
      const other = commitOf(second, { manifest: undefined, digest: digestText('b') });
      expect(await catalog.commitIngest(other)).toEqual({ kind: 'manifest-needed' });
      const equal = commitOf(second, { manifest: undefined, digest: digestText('a') });
      expect(await catalog.commitIngest(equal)).toMatchObject({ kind: 'committed', created: false });
    });

    test('is lost when the ingest was cancelled or taken up', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const cancelled = await finalizing(catalog, newIngest({ entity }));
      await cancel(catalog, cancelled.ingestId);
      expect(await catalog.commitIngest(commitOf(cancelled))).toEqual({ kind: 'lost', state: 'CANCELLED' });
      const taken = await finalizing(catalog, newIngest({ entity }));
      const { ingestId } = taken;
      await catalog.moveIngest({ ingestId, from: ['FINALIZING'], to: 'RUNNING', newFence: true });
      await catalog.moveIngest({ ingestId, from: ['RUNNING'], to: 'FINALIZING' });
      expect(await catalog.commitIngest(commitOf(taken))).toEqual({ kind: 'lost', state: 'FINALIZING' });
      const current = { ...taken, fence: taken.fence + 1 };
      const result = needCommitted(await catalog.commitIngest(commitOf(current)));
      expect(result.version.index).toBe(0);
      expect(await catalog.commitIngest(commitOf(current))).toEqual({ kind: 'lost', state: 'COMMITTED' });
      const unknown = catalog.commitIngest(commitOf({ ...taken, ingestId: 'none' }));
      await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('an artifact keeps its type and digest algorithm', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      const racing = await finalizing(catalog, newIngest({ entity, type: 'model' }));
      const hashed = await finalizing(catalog, newIngest({ entity, digestAlgorithm: 'XXH128' }));
      await commitVersion(catalog, { entity, content: 'a' });
      for (const late of [racing, hashed]) {
        const commit = catalog.commitIngest(commitOf(late));
        await expect(commit).rejects.toMatchObject({ code: 'TYPE_CONFLICT' });
        expect((await catalog.getIngest(late.ingestId))?.state).toBe('FINALIZING');
      }
      const typed = catalog.createIngest(newIngest({ entity, type: 'model' }));
      await expect(typed).rejects.toMatchObject({ code: 'TYPE_CONFLICT' });
      const other = catalog.createIngest(newIngest({ entity, digestAlgorithm: 'XXH128' }));
      await expect(other).rejects.toMatchObject({ code: 'TYPE_CONFLICT' });
    });

    test('takes the algorithm of its artifact when none is given', async () => {
      const { catalog } = get();
      const entity = uniqueName();
      await commitVersion(catalog, { entity, content: 'a', digestAlgorithm: 'XXH128' });
      expect((await catalog.createIngest(newIngest({ entity }))).digestAlgorithm).toBe('XXH128');
      const fresh = newIngest({ entity, artifact: { entity, project: 'p', name: 'fresh' } });
      expect((await catalog.createIngest(fresh)).digestAlgorithm).toBe('MD5');
    });
  });
}
