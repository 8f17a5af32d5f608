import { compareUtf8 } from '@waybill/core';
import { type DiffResult, diffVersions, type EntryDifference } from '@waybill/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tree } from './arbitraries.ts';
import { digestOf } from './memory-digests.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import { entriesOf, errorOf, put, refTo, type Tree, treeOf } from './memory-world.ts';

async function diff(ports: MemoryPorts, from = refTo('from'), to = refTo('to')) {
  const call = diffVersions(ports, { from, to });
  const found: EntryDifference[] = [];
  for (;;) {
    const step = await call.next();
    if (step.done === true) return { found, result: step.value };
    found.push(step.value);
  }
}

/** By the definition: changed first; then moves by pairing equal contents in path order, and what is left over. */
function naiveDiff(from: Tree, to: Tree): EntryDifference[] {
  const before = new Map(entriesOf(from).map((entry) => [entry.path, entry]));
  const after = new Map(entriesOf(to).map((entry) => [entry.path, entry]));
  const changed: EntryDifference[] = [];
  const rest: EntryDifference[] = [];
  const removed = [...before.values()].filter(({ path }) => !after.has(path));
  for (const { path, digest, sizeBytes } of after.values()) {
    const old = before.get(path);
    if (old === undefined) {
      const index = removed.findIndex((entry) => entry.digest === digest);
      const [source] = index < 0 ? [] : removed.splice(index, 1);
      rest.push(
        source === undefined
          ? { kind: 'added', path, digest, sizeBytes }
          : { kind: 'moved', path, fromPath: source.path, digest, sizeBytes },
      );
    } else if (old.digest !== digest) {
      changed.push({
        kind: 'changed',
        path,
        digest,
        fromDigest: old.digest,
        sizeBytes,
        fromSizeBytes: old.sizeBytes,
      });
    }
  }
  for (const { path, digest, sizeBytes } of removed) rest.push({ kind: 'removed', path, digest, sizeBytes });
  return [...changed, ...rest.sort((a, b) => compareUtf8(a.path, b.path))];
}

function totals(differences: readonly EntryDifference[], kind: EntryDifference['kind']): DiffResult['added'] {
  const some = differences.filter((difference) => difference.kind === kind);
  return { count: some.length, bytes: some.reduce((bytes, { sizeBytes = 0 }) => bytes + sizeBytes, 0) };
}

describe('diffVersions', () => {
  test('finds what the definition says, in its order', async () => {
    await fc.assert(
      fc.asyncProperty(tree(), tree(), fc.boolean(), async (from, to, related) => {
        const ports = createMemoryPorts();
        const target = related ? new Map([...to, ...[...from].slice(0, from.size / 2)]) : to;
        await put(ports, from, { name: 'from' });
        await put(ports, target, { name: 'to' });
        const { found, result } = await diff(ports);
        const expected = naiveDiff(from, target);
        expect(found).toEqual(expected);
        for (const kind of ['added', 'removed', 'changed', 'moved'] as const) {
          expect(result[kind]).toEqual(totals(expected, kind));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('copies are added, not moved', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'same', z: 'same' }), { name: 'from' });
    await put(ports, treeOf({ b: 'same', c: 'same', d: 'same', z: 'same' }), { name: 'to' });
    const { found } = await diff(ports);
    expect(found.map(({ kind, path, fromPath }) => [kind, path, fromPath])).toEqual([
      ['moved', 'b', 'a'],
      ['added', 'c', undefined],
      ['added', 'd', undefined],
    ]);
  });

  test('references without a size are moved too', async () => {
    const ports = createMemoryPorts();
    const moved = { ref: 's3://bucket/key', digest: 'an etag: "x"' };
    await put(ports, treeOf({ a: moved }), { name: 'from' });
    await put(ports, treeOf({ b: moved }), { name: 'to' });
    const { found } = await diff(ports);
    expect(found).toEqual([
      { kind: 'moved', path: 'b', fromPath: 'a', digest: moved.digest, sizeBytes: undefined },
    ]);
  });

  test('an equal digest with another size is no move', async () => {
    const ports = createMemoryPorts();
    const digest = digestOf('x').toBase64();
    await put(ports, treeOf({ a: { ref: 's3://b/a', digest, sizeBytes: 1 } }), { name: 'from' });
    await put(ports, treeOf({ b: { ref: 's3://b/b', digest, sizeBytes: 2 } }), { name: 'to' });
    const { found } = await diff(ports);
    expect(found.map(({ kind }) => kind)).toEqual(['removed', 'added']);
  });

  test('equal versions are known by their digest', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1' }), { name: 'from' });
    await put(ports, treeOf({ a: '1' }), { name: 'to' });
    expect((await diff(ports)).found).toEqual([]);
    expect(ports.memory.manifests.blocksRead).toBe(0);
  });

  test('versions with different algorithms cannot be compared', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1' }), { name: 'from' });
    await put(ports, treeOf({ a: '1' }), { name: 'to', algorithm: 'XXH128' });
    expect((await errorOf(() => diff(ports))).code).toBe('UNSUPPORTED');
  });

  test('a failing sort ends it, and one left early ends the sorts', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: '1', b: digestOf('x').toHex() }), { name: 'from' });
    await put(ports, treeOf({ a: '2', c: '3' }), { name: 'to' });
    let ended = 0;
    const counting: MemoryPorts = {
      ...ports,
      sort: {
        async *sort(records, options) {
          try {
            yield* ports.sort.sort(records, options);
          } finally {
            ended++;
          }
        },
      },
    };
    for await (const difference of diffVersions(counting, { from: refTo('from'), to: refTo('to') })) {
      expect(difference.kind).toBe('changed');
      break;
    }
    expect(ended).toBe(2);
    const failing: MemoryPorts = {
      ...ports,
      sort: {
        // biome-ignore lint/correctness/useYield: it fails before it has anything
        async *sort() {
          await Promise.resolve();
          throw new Error('no scratch space');
        },
      },
    };
    await expect(diff(failing)).rejects.toThrow('no scratch space');
  });
});
