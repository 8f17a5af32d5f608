import { compareUtf8 } from '@waybill/core';
import {
  checkoutVersion,
  getVersion,
  type TreeDifference,
  type VerifyResult,
  verifyVersion,
} from '@waybill/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { content, tree } from './arbitraries.ts';
import { digestOf } from './memory-digests.ts';
import type { MemoryNode } from './memory-files.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import { bytesOf, errorOf, pathsOf, put, refTo, type Tree, treeOf } from './memory-world.ts';

const ROOT = '/target';

/** What stands below the root before: files, links, special files and empty folders. */
const nodes: fc.Arbitrary<MemoryNode> = fc.oneof(
  { weight: 6, arbitrary: content.map((bytes): MemoryNode => ({ kind: 'file', bytes })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<MemoryNode>({ kind: 'link' }, { kind: 'other' }, { kind: 'folder' }),
  },
);

const worlds: fc.Arbitrary<{ version: Tree; there: Map<string, MemoryNode> }> = fc
  .tuple(
    tree(),
    tree(),
    fc.array(nodes, { minLength: 25, maxLength: 25 }),
    fc.array(fc.boolean(), { minLength: 25, maxLength: 25 }),
  )
  .map(([version, others, kinds, kept]) => {
    const there = new Map<string, MemoryNode>();
    let index = 0;
    for (const path of others.keys()) there.set(path, kinds[index++] ?? { kind: 'link' });
    index = 0;
    for (const [path, bytes] of version) {
      const clash = [...there.keys()].some(
        (other) => other.startsWith(`${path}/`) || path.startsWith(`${other}/`),
      );
      if (kept[index++] === true && !clash && bytes instanceof Uint8Array)
        there.set(path, { kind: 'file', bytes });
    }
    return { version, there };
  });

function place(ports: MemoryPorts, there: ReadonlyMap<string, MemoryNode>): void {
  for (const [path, node] of there) ports.memory.files.nodes.set(`${ROOT}/${path}`, node);
}

async function verify(ports: MemoryPorts): Promise<{ found: TreeDifference[]; result: VerifyResult }> {
  const differences = verifyVersion(ports, { ref: refTo('data'), root: ROOT });
  const found: TreeDifference[] = [];
  for (;;) {
    const step = await differences.next();
    if (step.done === true) return { found, result: step.value };
    found.push(step.value);
  }
}

/** The differences as anybody would write them down. */
function differences(version: Tree, there: ReadonlyMap<string, MemoryNode>): TreeDifference[] {
  const found: TreeDifference[] = [];
  for (const [path, bytes] of version) {
    const node = there.get(path);
    if (node === undefined || node.kind === 'folder') found.push({ kind: 'missing', path });
    else if (node.kind !== 'file') found.push({ kind: 'changed', path });
    else if (!(bytes instanceof Uint8Array) || Buffer.compare(bytes, node.bytes) !== 0)
      found.push({ kind: 'changed', path });
  }
  for (const [path, node] of there)
    if (!version.has(path) && node.kind !== 'folder') found.push({ kind: 'extra', path });
  return found.sort((a, b) => compareUtf8(a.path, b.path));
}

describe('verifyVersion', () => {
  test('finds exactly the differences, in path order', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async ({ version, there }) => {
        const ports = createMemoryPorts();
        await put(ports, version);
        place(ports, new Map([...there, ['keep', { kind: 'file', bytes: bytesOf('') }]]));
        const all = new Map([...there, ['keep', { kind: 'file', bytes: bytesOf('') } as const]]);
        const { found, result } = await verify(ports);
        const expected = differences(version, all);
        expect(found).toEqual(expected);
        const counts = Object.groupBy(expected, ({ kind }) => kind);
        expect(result).toMatchObject({
          ok: expected.length === 0,
          entries: version.size,
          missing: counts.missing?.length ?? 0,
          extra: counts.extra?.length ?? 0,
          changed: counts.changed?.length ?? 0,
        });
        expect(ports.memory.files.opened).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  test('a reference to a local file counts as its file, another one only where a file is', async () => {
    const ports = createMemoryPorts();
    const digest = digestOf('content').toBase64();
    await put(
      ports,
      treeOf({
        'local/gone': { ref: 'file:///s/1', digest },
        'local/right': { ref: 'file:///s/2', digest },
        'local/wrong': { ref: 'file:///s/3', digest, sizeBytes: 7 },
        's3/absent': { ref: 's3://b/1', digest },
        's3/etag': { ref: 's3://b/2', digest: 'etag' },
        's3/right': { ref: 's3://b/3', digest },
      }),
    );
    for (const path of ['local/right', 's3/etag', 's3/right']) {
      ports.memory.files.writeFile(`${ROOT}/${path}`, bytesOf('content'));
    }
    ports.memory.files.writeFile(`${ROOT}/local/wrong`, bytesOf('CONTENT'));
    const { found, result } = await verify(ports);
    expect(found).toEqual([
      { kind: 'missing', path: 'local/gone' },
      { kind: 'changed', path: 'local/wrong' },
    ]);
    expect(result).toMatchObject({ referencesChecked: 3, referencesUnchecked: 2 });
  });

  test('a file that cannot be read is an error behind the differences', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1', b: '2' }));
    ports.memory.files.nodes.set(`${ROOT}/a`, { kind: 'file', bytes: bytesOf('1'), unreadable: true });
    const call = verifyVersion(ports, { ref: refTo('data'), root: ROOT });
    expect(await call.next()).toEqual({ done: false, value: { kind: 'missing', path: 'b' } });
    const error = await errorOf(() => call.next());
    expect(error.code).toBe('SOURCE_UNREADABLE');
    expect(pathsOf(error)).toEqual(['a']);
  });

  test('a folder that is not there, and a damaged manifest', async () => {
    const ports = createMemoryPorts();
    const version = await put(ports, treeOf({ a: '1' }));
    expect((await errorOf(() => verify(ports))).code).toBe('NOT_FOUND');
    ports.memory.files.writeFile(`${ROOT}/a`, bytesOf('1'));
    ports.memory.store.damage(version.manifest.key, 0);
    expect((await errorOf(() => verify(ports))).code).toBe('CORRUPT');
  });

  test('left early, it leaves nothing open', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1', b: '2' }));
    ports.memory.files.writeFile(`${ROOT}/b`, bytesOf('other'));
    for await (const difference of verifyVersion(ports, { ref: refTo('data'), root: ROOT })) {
      expect(difference.path).toBe('a');
      break;
    }
    expect(ports.memory.files.opened).toBe(0);
  });
});

describe('checkoutVersion', () => {
  test('makes the folder exactly the version, whatever was there', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async ({ version, there }) => {
        const ports = createMemoryPorts();
        await put(ports, version);
        place(ports, there);
        const removed = [...there].filter(
          ([path, { kind }]) => kind !== 'folder' && (kind !== 'file' || !version.has(path)),
        );
        const result = await checkoutVersion(ports, { ref: refTo('data'), root: ROOT, force: true });
        const below = [...ports.memory.files.nodes].filter(([path]) => path !== ROOT);
        const nodesLeft = below.map(([path, node]) => [
          path.slice(ROOT.length + 1),
          node.kind === 'file' ? Buffer.from(node.bytes).toString('latin1') : node.kind,
        ]);
        const wanted = [...version].map(([path, bytes]) => [
          path,
          bytes instanceof Uint8Array ? Buffer.from(bytes).toString('latin1') : '',
        ]);
        expect(Object.fromEntries(nodesLeft)).toEqual(Object.fromEntries(wanted));
        expect(result).toMatchObject({ entries: version.size, removed: removed.length });
        expect(result.written + result.skipped).toBe(version.size);
        expect(ports.memory.checkouts.roots).toEqual(new Set([ROOT]));
        const again = await checkoutVersion(ports, { ref: refTo('data'), root: ROOT, force: false });
        expect(again).toMatchObject({ written: 0, skipped: version.size, removed: 0, foldersRemoved: 0 });
      }),
      { numRuns: 150 },
    );
  });

  test('refuses a folder it did not make, and changes nothing in it', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1' }));
    ports.memory.files.writeFile(`${ROOT}/mine`, bytesOf('precious'));
    const error = await errorOf(() =>
      checkoutVersion(ports, { ref: refTo('data'), root: ROOT, force: false }),
    );
    expect(error.code).toBe('TARGET_CONFLICT');
    expect(error.message).toContain('--force');
    expect([...ports.memory.files.nodes.keys()]).toEqual([`${ROOT}/mine`]);
    expect(ports.memory.checkouts.roots.size).toBe(0);
  });

  test('refuses folders that are, hold or lie in one of its own, even by force', async () => {
    for (const root of ['/', '/srv', '/srv/own', '/srv/own/cache', '/mnt/store', '/mnt/store/x']) {
      const ports = createMemoryPorts();
      await put(ports, treeOf({ a: '1' }));
      ports.memory.files.writeFile('/srv/own/catalog.db', bytesOf('precious'));
      const before = new Map(ports.memory.files.nodes);
      const request = { ref: refTo('data'), root, force: true, only: [] };
      for (const write of [checkoutVersion, getVersion]) {
        const error = await errorOf(() => write(ports, request));
        expect(error.code).toBe('TARGET_CONFLICT');
        expect(error.message).toContain(JSON.stringify(root));
        expect(error.message).toMatch(/"\/srv\/own"|"\/mnt\/store"/);
      }
      expect(ports.memory.files.nodes).toEqual(before);
      expect(ports.memory.checkouts.roots.size).toBe(0);
    }
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1' }));
    await checkoutVersion(ports, { ref: refTo('data'), root: '/srv/own-2', force: false });
  });

  test('removes nothing when the manifest is damaged', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1', b: '2' }));
    // So many that some would be removed before the manifest is read to its end.
    for (let index = 0; index < 2_500; index++)
      ports.memory.files.nodes.set(`${ROOT}/${index}`, { kind: 'link' });
    const before = new Map(ports.memory.files.nodes);
    const [version] = ports.memory.catalog.versions;
    if (version !== undefined) version.digest = 'f'.repeat(32);
    const error = await errorOf(() =>
      checkoutVersion(ports, { ref: refTo('data'), root: ROOT, force: true }),
    );
    expect(error.code).toBe('CORRUPT');
    expect(ports.memory.files.nodes).toEqual(before);
  });

  test('remembers the folder before it changes it, so that an interrupted one can go on', async () => {
    const ports = createMemoryPorts();
    const version = treeOf({ a: '1', 'b/c': '2' });
    await put(ports, version);
    place(
      ports,
      new Map<string, MemoryNode>([
        ['x', { kind: 'link' }],
        ['y/z', { kind: 'link' }],
      ]),
    );
    ports.memory.killAfter(1);
    await expect(checkoutVersion(ports, { ref: refTo('data'), root: ROOT, force: true })).rejects.toThrow(
      'killed',
    );
    expect(ports.memory.checkouts.roots).toEqual(new Set([ROOT]));
    ports.memory.killAfter(Number.POSITIVE_INFINITY);
    const result = await checkoutVersion(ports, { ref: refTo('data'), root: ROOT, force: false });
    expect(result).toMatchObject({ removed: 2, foldersRemoved: 1, written: 2 });
  });
});
