import { type ArtifactError, storeKeys } from '@waybill/core';
import { checkStore, collectGarbage, rebuildIndex } from '@waybill/operations';
import { describe, expect, test } from 'vitest';
import { adoptObject, describeObject } from '../src/collect/adopt-object.ts';
import { isStored, NOW } from './collection-checks.ts';
import { createMemoryPorts, type MemoryPorts } from './memory-ports.ts';
import { bytesOf, ENTITY, errorOf, put, treeOf } from './memory-world.ts';

function repair(ports: MemoryPorts): Promise<unknown> {
  return Array.fromAsync(checkStore(ports, { repair: true }));
}

const COMMANDS: Record<string, (ports: MemoryPorts) => Promise<unknown>> = {
  gc: (ports) => collectGarbage(ports, NOW),
  'rebuild-index': (ports) => rebuildIndex(ports, { rehash: false }),
  'check --repair': repair,
};

describe('maintenance', () => {
  test.each(Object.keys(COMMANDS))('while %s is at work the others are told to wait', async (name) => {
    const ports = createMemoryPorts();
    const version = await put(ports, treeOf({ a: 'content' }));
    await put(ports, treeOf({ b: 'other' }));
    await ports.catalog.deleteVersion(version.versionId, { deleteAliases: true });
    const errors: ArtifactError[] = [];
    const { store } = ports.memory;
    const list = store.list.bind(store);
    store.list = async function* (prefix) {
      store.list = list;
      for (const other of Object.values(COMMANDS)) errors.push(await errorOf(() => other(ports)));
      // These change nothing, so they need not wait.
      await collectGarbage(ports, { ...NOW, dryRun: true });
      await Array.fromAsync(checkStore(ports, { repair: false }));
      yield* list(prefix);
    };
    await COMMANDS[name]?.(ports);
    expect(errors.map(({ code }) => code)).toEqual(['BUSY', 'BUSY', 'BUSY']);
    for (const word of ['gc', 'rebuild-index', 'check --repair', 'wait'])
      expect(errors[0]?.message).toContain(word);
    for (const next of Object.values(COMMANDS)) await next(ports);
  });

  test('is free again after it failed or was left early', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'content' }));
    ports.memory.killAfter(0);
    await expect(collectGarbage(ports, NOW)).rejects.toThrow('killed');
    ports.memory.killAfter(Number.POSITIVE_INFINITY);
    await ports.store.writeObject(storeKeys.pack(ENTITY, 'stray'), [bytesOf('x')]);
    for await (const finding of checkStore(ports, { repair: true })) {
      expect(finding.kind).toBe('leftover');
      break;
    }
    await collectGarbage(ports, NOW);
  });

  test('gc removes no bytes on the word of a page when the index was made anew since', async () => {
    const ports = createMemoryPorts();
    const doomed = treeOf({ a: 'one', b: 'two' });
    const version = await put(ports, doomed, { packBlobs: 1 });
    await ports.catalog.deleteVersion(version.versionId, { deleteAliases: true });
    const { catalog } = ports.memory;
    const listCondemned = catalog.listCondemned.bind(catalog);
    let adopted = 0;
    // Between the page and the removal, as one without the lock would do it.
    catalog.listCondemned = async (scope) => {
      const page = await listCondemned(scope);
      if (adopted > 0 || page.length === 0) return page;
      await catalog.resetIndex(ENTITY);
      for await (const object of ports.store.list(storeKeys.packs(ENTITY))) {
        await adoptObject(ports, await describeObject(ports, { ...object, entity: ENTITY }, {}), {});
        adopted++;
      }
      return page;
    };
    const [report] = await collectGarbage(ports, NOW);
    expect(adopted).toBe(2);
    expect(report).toMatchObject({ objectsRemoved: 0, bytesRemoved: 0 });
    for (const content of doomed.values()) expect(isStored(ports, content as Uint8Array)).toBe(true);
  });

  test('an object that is gone when it is taken in takes nothing with it that lies elsewhere', async () => {
    const ports = createMemoryPorts();
    await put(ports, treeOf({ a: 'one' }));
    const [pack] = await Array.fromAsync(ports.store.list(storeKeys.packs(ENTITY)));
    const bytes = ports.memory.store.objects.get(pack?.key ?? '') ?? new Uint8Array();
    const copy = { key: storeKeys.pack(ENTITY, 'copy'), sizeBytes: bytes.length, entity: ENTITY };
    await ports.store.writeObject(copy.key, [bytes]);
    const found = await describeObject(ports, copy, {});
    await ports.store.remove(copy.key);
    expect(await adoptObject(ports, found, {})).toBe(0);
    expect(isStored(ports, bytesOf('one'))).toBe(true);
  });
});
