import { expect } from 'vitest';
import { digestOf } from './memory-digests.ts';
import type { MemoryPorts } from './memory-ports.ts';
import { ENTITY, storedContents, type Tree } from './memory-world.ts';

export const NOW = { dryRun: false, graceMs: 0 } as const;

/** Whether a content is in the index and its bytes are right where it says. */
export function isStored(ports: MemoryPorts, content: Uint8Array): boolean {
  const { catalog, store } = ports.memory;
  const blob = catalog.blobs.get(`${ENTITY} MD5 ${digestOf(content).toHex()}`);
  const object = catalog.objects.get(blob?.objectId ?? 0);
  const bytes = store.objects.get(object?.key ?? '');
  if (blob === undefined || object?.state !== 'STORED' || bytes === undefined) return false;
  return Buffer.compare(bytes.subarray(blob.offset, blob.offset + blob.length), content) === 0;
}

/** Objects in the store that nothing needs. */
export function orphanKeys(ports: MemoryPorts): string[] {
  const { catalog, store } = ports.memory;
  const known = new Set(
    [...catalog.objects.values()].filter(({ state }) => state === 'STORED').map(({ key }) => key),
  );
  for (const { state, manifest } of catalog.versions) if (state === 'COMMITTED') known.add(manifest.key);
  return [...store.objects.keys()].filter((key) => !known.has(key));
}

/** That exactly what the committed versions need is there. */
export function expectClean(ports: MemoryPorts, versions: ReadonlyMap<number, Tree>): void {
  const { catalog } = ports.memory;
  const needed = new Set<string>();
  for (const version of catalog.versions) {
    if (version.state !== 'COMMITTED') continue;
    for (const content of storedContents(versions.get(version.versionId) ?? new Map())) {
      expect(isStored(ports, content)).toBe(true);
      needed.add(digestOf(content).toHex());
    }
  }
  expect([...catalog.blobs.values()].map(({ hex }) => hex).sort()).toEqual([...needed].sort());
  expect(orphanKeys(ports)).toEqual([]);
  expect([...catalog.objects.values()].filter(({ state }) => state !== 'STORED')).toEqual([]);
}
