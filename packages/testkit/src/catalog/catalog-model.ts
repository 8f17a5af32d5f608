import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TestedCatalog } from './catalog-fixture.ts';
import { type CollectionAction, CollectionModel } from './collection-model.ts';
import { type VersionAction, VersionModel } from './version-model.ts';

const RUNS = 40;
const ACTIONS_MAX = 30;
const TIME_LIMIT_MS = 6_000;

const ALIASES = ['a', 'b', 'latest'];

const pick = fc.nat({ max: 7 });
const content = fc.nat({ max: 2 });
const someAliases = fc.subarray(ALIASES);
const reuse = fc.constantFrom('latest' as const, 'any' as const, 'never' as const);

const versionAction: fc.Arbitrary<VersionAction> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put'), content, aliases: someAliases, reuse }) },
  fc.record({ kind: fc.constant('addAliases'), pick, aliases: someAliases }),
  fc.record({ kind: fc.constant('removeAliases'), aliases: someAliases }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete'), pick, deleteAliases: fc.boolean() }) },
);

const contents = fc.uniqueArray(fc.nat({ max: 9 }), { minLength: 1, maxLength: 4 });

const collectionAction: fc.Arbitrary<CollectionAction> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('store'), pick, contents }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('prove'), pick, proof: pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit'), pick }) },
  fc.record({ kind: fc.constant('cancel'), pick }),
  fc.record({ kind: fc.constant('replan'), pick }),
  fc.record({ kind: fc.constant('delete'), pick }),
  fc.record({ kind: fc.constant('announce'), pick }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('collect'), between: fc.option(contents) }) },
);

/** Random histories, compared after every step with a model that fits on a page. */
export function describeCatalogModel(get: () => { catalog: TestedCatalog }): void {
  describe('model', () => {
    const limits = {
      numRuns: RUNS,
      interruptAfterTimeLimit: TIME_LIMIT_MS,
      markInterruptAsFailure: false,
      endOnFailure: true,
    };

    test('versions, numbers and aliases follow any history', async () => {
      const actions = fc.array(versionAction, { minLength: 1, maxLength: ACTIONS_MAX });
      await fc.assert(
        fc.asyncProperty(actions, async (history) => {
          const model = new VersionModel(get().catalog);
          for (const action of history) {
            await model.apply(action);
            await model.compare();
          }
        }),
        limits,
      );
    });

    test('no history has a collection take what a version or an open ingest needs, or leave anything', async () => {
      const actions = fc.array(collectionAction, { minLength: 1, maxLength: ACTIONS_MAX });
      await fc.assert(
        fc.asyncProperty(actions, async (history) => {
          const model = new CollectionModel(get().catalog);
          for (const action of history) {
            await model.apply(action);
            await model.expectNeededIsThere();
          }
          expect(await model.leftWhenNothingIsNeeded()).toEqual([]);
        }),
        limits,
      );
    });
  });
}
