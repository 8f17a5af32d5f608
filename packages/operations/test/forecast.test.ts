import { storeKeys } from '@waybill/core';
import { collectGarbage } from '@waybill/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import { bytesOf, ENTITY, MemoryIngest, put, storedContents, type Tree, treeOf } from './memory-world.ts';

// `gc --dry-run` says what `gc` with the same options does next.

type Step =
  | { readonly kind: 'put' | 'begin'; readonly contents: readonly number[]; readonly packBlobs: number }
  | { readonly kind: 'delete' | 'cancel'; readonly which: number }
  | { readonly kind: 'gc'; readonly graceMs: number }
  | { readonly kind: 'lose-index' | 'stray' | 'abandon' | 'wait' };

const contents = fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 8 });
const which = fc.integer({ min: 0, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('put', 'put', 'begin'),
      contents,
      packBlobs: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('delete', 'delete', 'cancel'), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('gc'), graceMs: fc.constantFrom(0, 1_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('lose-index', 'stray', 'abandon', 'wait') }),
  },
);

/** Sizes from nothing to larger than a row of a footer and than a pack's share, so that all outcomes occur. */
function treeWith(numbers: readonly number[]): Tree {
  return treeOf(
    Object.fromEntries(
      numbers.map((number) => [
        `f${number}`,
        `${number % 10}`.repeat([0, 600, 3, 20][number] ?? 60 * number),
      ]),
    ),
  );
}

async function take(ports: MemoryPorts, open: MemoryIngest[], action: Step): Promise<void> {
  const { catalog } = ports.memory;
  switch (action.kind) {
    case 'put':
      await put(ports, treeWith(action.contents), { packBlobs: action.packBlobs });
      return;
    case 'begin': {
      const ingest = new MemoryIngest(ports, { packBlobs: action.packBlobs });
      await ingest.stage();
      await ingest.store(storedContents(treeWith(action.contents)));
      open.push(ingest);
      return;
    }
    case 'delete': {
      const version = catalog.versions[action.which];
      if (version?.state === 'COMMITTED')
        await catalog.deleteVersion(version.versionId, { deleteAliases: true });
      return;
    }
    case 'cancel': {
      const [ingest] = open.splice(action.which, 1);
      if (ingest !== undefined) catalog.setIngestState(ingest.ingestId, 'CANCELLED');
      return;
    }
    case 'gc':
      await collectGarbage(ports, { dryRun: false, graceMs: action.graceMs });
      return;
    case 'lose-index':
      await catalog.resetIndex(ENTITY);
      return;
    case 'stray':
      await ports.store.writeObject(storeKeys.pack(ENTITY, ports.random.uniqueName()), [bytesOf('no pack')]);
      return;
    case 'abandon': {
      const key = storeKeys.pack(ENTITY, ports.random.uniqueName());
      await catalog.announceObject({ entity: ENTITY, key, kind: 'pack', ingestId: 'unknown' });
      return;
    }
    case 'wait':
      catalog.nowMs += 600;
      return;
    default:
      action satisfies never;
  }
}

describe('a dry run', () => {
  test('says what the real one does then, and changes nothing', async () => {
    const seen = { rewritten: 0, adopted: 0, inGrace: 0, removed: 0, orphansRemoved: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 14 }),
        fc.constantFrom(0, 0, 500, 1_000),
        async (steps, graceMs) => {
          const ports = createMemoryPorts();
          const open: MemoryIngest[] = [];
          for (const each of steps) await take(ports, open, each);
          const { store, catalog } = ports.memory;
          const before = { objects: new Map(store.objects), rows: structuredClone([...catalog.objects]) };
          const dry = await collectGarbage(ports, { dryRun: true, graceMs });
          expect(store.objects).toEqual(before.objects);
          expect([...catalog.objects]).toEqual(before.rows);
          const real = await collectGarbage(ports, { dryRun: false, graceMs });
          expect(dry).toEqual(real);
          for (const report of real) {
            seen.rewritten += report.packsRewritten;
            seen.adopted += report.orphansAdopted;
            seen.inGrace += report.objectsInGrace;
            seen.removed += report.objectsRemoved;
            seen.orphansRemoved += report.orphansRemoved;
          }
        },
      ),
      { numRuns: 600 },
    );
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0);
  });
});
