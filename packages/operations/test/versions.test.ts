import {
  addAliases,
  deleteVersion,
  editVersion,
  listArtifacts,
  listVersions,
  removeAliases,
  resolveVersion,
  showVersion,
} from '@waybill/operations';
import { describe, expect, test } from 'vitest';
import { createMemoryPorts } from './memory-ports.ts';
import { errorOf, put, refTo, treeOf } from './memory-world.ts';

const artifact = { entity: 'team', project: 'project', name: 'data' };

describe('resolveVersion', () => {
  test('says what there is when the name is not found', async () => {
    const ports = createMemoryPorts();
    const none = await errorOf(() => resolveVersion(ports, refTo('data')));
    expect(none).toMatchObject({ code: 'NOT_FOUND' });
    expect(none.message).toContain('project team/project has no artifacts');
    await put(ports, treeOf({ a: '1' }), { aliases: ['best'] });
    await put(ports, treeOf({ a: '2' }));
    expect((await resolveVersion(ports, refTo('data'))).index).toBe(1);
    expect((await resolveVersion(ports, refTo('data', 'best'))).index).toBe(0);
    expect((await resolveVersion(ports, refTo('data', 'v1'))).index).toBe(1);
    const other = await errorOf(() => resolveVersion(ports, refTo('date')));
    expect(other.message).toContain('artifact team/project/date does not exist');
    expect(other.message).toContain('has data');
    const alias = await errorOf(() => resolveVersion(ports, refTo('data', 'worst')));
    expect(alias.message).toContain('v1, v0');
    expect(alias.message).toContain('latest, best');
    await deleteVersion(ports, { ref: refTo('data', 'v0'), deleteAliases: true });
    const deleted = await errorOf(() => resolveVersion(ports, refTo('data', 'v0')));
    expect(deleted.message).toContain('it was deleted');
    expect((await errorOf(() => resolveVersion(ports, refTo('data', 'v7')))).message).not.toContain(
      'deleted',
    );
  });
});

describe('lists', () => {
  test('come in pages', async () => {
    const ports = createMemoryPorts();
    for (const name of ['a', 'b', 'c']) await put(ports, treeOf({ x: name }), { name });
    for (const text of ['2', '3']) await put(ports, treeOf({ x: text }), { name: 'a' });
    const first = await listArtifacts(ports, { entity: 'team', limit: 2 });
    expect(first.items.map(({ name }) => name)).toEqual(['a', 'b']);
    const second = await listArtifacts(ports, {
      entity: 'team',
      project: 'project',
      after: first.next,
      limit: 2,
    });
    expect(second.items.map(({ name }) => name)).toEqual(['c']);
    expect(second.next).toBeUndefined();
    const versions = await listVersions(ports, { artifact: { ...artifact, name: 'a' }, limit: 2 });
    expect(versions.items.map(({ index }) => index)).toEqual([2, 1]);
    const rest = await listVersions(ports, {
      artifact: { ...artifact, name: 'a' },
      after: versions.next,
      limit: 2,
    });
    expect(rest.items.map(({ index }) => index)).toEqual([0]);
    expect((await errorOf(() => listVersions(ports, { artifact, limit: 2 }))).code).toBe('NOT_FOUND');
  });

  test('everything about a version', async () => {
    const ports = createMemoryPorts();
    const version = await put(ports, treeOf({ a: '1' }));
    for (let noticeId = 1; noticeId <= 3; noticeId++) {
      const notice = {
        severity: 'left-out',
        reason: 'socket',
        path: `/s${noticeId}`,
        message: 'a socket',
      } as const;
      ports.memory.catalog.notices.push({ noticeId, ...notice });
    }
    const shown = await showVersion(ports, { ref: refTo('data'), noticesLimit: 2 });
    expect(shown).toMatchObject({ version: { index: 0 }, artifact: { name: 'data' }, leftOut: { next: 2 } });
    expect(shown.ingest?.ingestId).toBe(version.ingestId);
    expect(atob(shown.id)).toBe(`Artifact:${version.versionId}`);
    const more = await showVersion(ports, { ref: refTo('data'), noticesAfter: 2, noticesLimit: 2 });
    expect(more.leftOut.items).toHaveLength(1);
    expect(more.leftOut.next).toBeUndefined();
  });
});

describe('changes', () => {
  test('aliases move and go', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1' }));
    await put(ports, treeOf({ a: '2' }));
    await addAliases(ports, { ref: refTo('data', 'v0'), aliases: ['best', 'best'] });
    const moved = await addAliases(ports, { ref: refTo('data', 'v1'), aliases: ['best'] });
    expect(moved.aliases).toEqual(['best', 'latest']);
    expect((await resolveVersion(ports, refTo('data', 'v0'))).aliases).toEqual([]);
    expect((await errorOf(() => addAliases(ports, { ref: refTo('data'), aliases: ['v3'] }))).code).toBe(
      'INVALID_ALIAS',
    );
    const many = Array.from({ length: 1_000 }, (_, index) => `alias${index}`);
    expect((await errorOf(() => addAliases(ports, { ref: refTo('data'), aliases: many }))).code).toBe(
      'LIMIT_EXCEEDED',
    );
    expect(await removeAliases(ports, { artifact, aliases: ['best', 'other'] })).toEqual({
      removed: ['best'],
      missing: ['other'],
    });
    expect((await errorOf(() => removeAliases(ports, { artifact, aliases: ['best'] }))).code).toBe(
      'NOT_FOUND',
    );
  });

  test('description and metadata', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1' }));
    const ref = refTo('data');
    expect(await editVersion(ports, { ref, description: 'text' })).toMatchObject({
      description: 'text',
      metadata: {},
    });
    expect(await editVersion(ports, { ref, metadata: { k: 1 } })).toMatchObject({
      description: 'text',
      metadata: { k: 1 },
    });
    expect((await editVersion(ports, { ref, description: null })).description).toBeUndefined();
    const bad = await errorOf(() => editVersion(ports, { ref, metadata: { k: Number.NaN } }));
    expect(bad.code).toBe('INVALID_METADATA');
    const long = await errorOf(() => editVersion(ports, { ref, description: 'é'.repeat(600_000) }));
    expect(long.code).toBe('LIMIT_EXCEEDED');
  });

  test('a version with aliases is deleted only when they go too', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1' }));
    const refused = await errorOf(() => deleteVersion(ports, { ref: refTo('data'), deleteAliases: false }));
    expect(refused.code).toBe('ALIAS_CONFLICT');
    expect((await deleteVersion(ports, { ref: refTo('data'), deleteAliases: true })).state).toBe('DELETED');
  });
});
