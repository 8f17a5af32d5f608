import { ArtifactError } from '@waybill/core';
import { collectGarbage } from '@waybill/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectClean, isStored, NOW } from './collection-checks.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import { Killed } from './memory-store.ts';
import { MemoryIngest, put, storedContents, type Tree, treeOf } from './memory-world.ts';

type Action =
  | { readonly kind: 'put' | 'begin'; readonly contents: readonly number[]; readonly packBlobs: number }
  | { readonly kind: 'commit' | 'cancel' | 'delete'; readonly which: number }
  | {
      readonly kind: 'gc';
      readonly graceMs: number;
      readonly kill: number | undefined;
      readonly twice: boolean;
    }
  | { readonly kind: 'gc-and-put'; readonly contents: readonly number[] }
  | { readonly kind: 'wait' };

const contents = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 });
const which = fc.integer({ min: 0, max: 5 });
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constantFrom('put', 'begin'), contents, packBlobs: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constantFrom('commit', 'cancel', 'delete'), which }),
  fc.record({
    kind: fc.constant('gc'),
    graceMs: fc.constantFrom(0, 1_000),
    kill: fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined }),
    twice: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('gc-and-put'), contents }),
  fc.constant<Action>({ kind: 'wait' }),
);

/** Contents are few, so that versions share them; one is empty, one is large. */
function treeWith(numbers: readonly number[]): Tree {
  return treeOf(
    Object.fromEntries(
      numbers.map((number) => [`f${number}`, `${number}`.repeat([0, 600][number] ?? 300 + number)]),
    ),
  );
}

/** Two collections at once: the second is told to wait. */
function isBusy(error: unknown): boolean {
  return error instanceof ArtifactError && error.code === 'BUSY';
}

class Model {
  readonly ports: MemoryPorts = createMemoryPorts();
  readonly versions = new Map<number, Tree>();
  readonly open: { ingest: MemoryIngest; tree: Tree }[] = [];

  async run(step: Action): Promise<void> {
    const { catalog } = this.ports.memory;
    switch (step.kind) {
      case 'put':
        return this.put(step.contents, step.packBlobs);
      case 'begin': {
        const ingest = new MemoryIngest(this.ports, { packBlobs: step.packBlobs });
        await ingest.stage();
        await ingest.store(storedContents(treeWith(step.contents)));
        this.open.push({ ingest, tree: treeWith(step.contents) });
        return;
      }
      case 'commit':
      case 'cancel': {
        const [taken] = this.open.splice(step.which, 1);
        if (taken === undefined) return;
        if (step.kind === 'cancel') catalog.setIngestState(taken.ingest.ingestId, 'CANCELLED');
        else this.versions.set((await taken.ingest.commit(taken.tree)).versionId, taken.tree);
        return;
      }
      case 'delete': {
        const version = catalog.versions[step.which];
        if (version?.state === 'COMMITTED')
          await catalog.deleteVersion(version.versionId, { deleteAliases: true });
        return;
      }
      case 'gc':
        return this.collect(step);
      case 'gc-and-put':
        await Promise.all([collectGarbage(this.ports, NOW), this.put(step.contents, 2)]);
        return;
      case 'wait':
        catalog.nowMs += 600;
        return;
      default:
        step satisfies never;
    }
  }

  async put(numbers: readonly number[], packBlobs: number): Promise<void> {
    const tree = treeWith(numbers);
    this.versions.set((await put(this.ports, tree, { packBlobs })).versionId, tree);
  }

  async collect(step: Action & { kind: 'gc' }): Promise<void> {
    this.ports.memory.killAfter(step.kill ?? Number.POSITIVE_INFINITY);
    const request = { dryRun: false, graceMs: step.graceMs };
    const runs = step.twice
      ? [collectGarbage(this.ports, request), collectGarbage(this.ports, request)]
      : [collectGarbage(this.ports, request)];
    for (const run of await Promise.allSettled(runs)) {
      if (run.status === 'rejected' && !(run.reason instanceof Killed) && !isBusy(run.reason))
        throw run.reason;
    }
    this.ports.memory.killAfter(Number.POSITIVE_INFINITY);
  }

  /** Whatever a version or an open ingest counts on is there. */
  check(): void {
    for (const version of this.ports.memory.catalog.versions) {
      if (version.state !== 'COMMITTED') continue;
      expect(this.ports.memory.store.objects.has(version.manifest.key)).toBe(true);
      const tree = this.versions.get(version.versionId) ?? new Map();
      for (const content of storedContents(tree)) expect(isStored(this.ports, content)).toBe(true);
    }
    for (const { ingest, tree } of this.open) {
      expect(
        [...this.ports.memory.store.objects.keys()].some((key) =>
          key.includes(`/staging/${ingest.ingestId}/`),
        ),
      ).toBe(true);
      for (const content of storedContents(tree)) expect(isStored(this.ports, content)).toBe(true);
    }
  }
}

describe('collectGarbage, as a model', () => {
  test('never takes what a version or an open ingest needs, and leaves nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const model = new Model();
        for (const step of actions) {
          await model.run(step);
          model.check();
        }
        for (const { ingest } of model.open.splice(0)) {
          model.ports.memory.catalog.setIngestState(ingest.ingestId, 'CANCELLED');
        }
        await collectGarbage(model.ports, NOW);
        expectClean(model.ports, model.versions);
      }),
      { numRuns: 400 },
    );
  });
});
