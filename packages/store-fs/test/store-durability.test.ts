import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore, FaultPoints } from '@waybill/core';
import { PowerLossDisk } from '@waybill/testkit';
import { describe, expect, test } from 'vitest';
import { type Disk, openFolderStore } from '../src/index.ts';
import { tempFolder } from './temp-folder.ts';
import { random } from './unique-names.ts';

class Killed extends Error {}

/** Stops at the n-th fault point by throwing, as a kill would: nothing after it takes place. */
class StopAt implements FaultPoints {
  readonly names: string[] = [];
  readonly #stopAt: number;

  constructor(stopAt: number) {
    this.#stopAt = stopAt;
  }

  get isStopped(): boolean {
    return this.names.length >= this.#stopAt;
  }

  reach(name: string): void {
    if (!this.isStopped) this.names.push(name);
    if (this.isStopped) throw new Killed(name);
  }
}

const BYTES = new TextEncoder().encode('some bytes');

/** What is promised to be durable, in the order it was promised. */
async function useStore(store: BlobStore, promised: string[]): Promise<void> {
  await store.claim('catalog');
  promised.push('claim');
  await store.writeObject('acme/staging/i1/list-1', [BYTES]);
  promised.push('acme/staging/i1/list-1');
  await using draft = await store.createDraft({ entity: 'acme', ingestId: 'i1' });
  await writeFile(draft.path, BYTES);
  await draft.publish('acme/packs/p1');
  promised.push('acme/packs/p1');
  await using blob = await store.createDraft({ entity: 'acme', ingestId: 'i1' });
  await writeFile(blob.path, BYTES);
  await blob.publish('acme/blobs/md5/ab/abc-1');
  promised.push('acme/blobs/md5/ab/abc-1');
  await store.writeObject('acme/manifests/i1-1', [BYTES]);
  promised.push('acme/manifests/i1-1');
  await store.remove('acme/staging/i1/list-1');
  promised.push('remove');
}

async function lost(store: BlobStore, promised: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const key of promised) {
    if (key === 'remove' || (key.endsWith('list-1') && promised.includes('remove'))) continue;
    if (key === 'claim') {
      if ((await store.claim('another')) !== 'catalog') found.push(key);
      continue;
    }
    const bytes = await store.readRange(key, { offset: 0, length: BYTES.length }).catch(() => undefined);
    if (bytes === undefined || Buffer.compare(bytes, BYTES) !== 0) found.push(key);
  }
  return found;
}

async function runUntil(
  stopAt: number,
  wrap: (disk: Disk) => Disk = (disk) => disk,
): Promise<{ names: readonly string[]; finished: boolean; lost: string[] }> {
  await using top = await tempFolder();
  await using record = await tempFolder();
  const disk = new PowerLossDisk({ folder: top.path, recordFolder: record.path });
  const faults = new StopAt(stopAt);
  const folder = join(top.path, 'home/store');
  const promised: string[] = [];
  let finished = false;
  try {
    await useStore(await openFolderStore({ folder, random, disk: wrap(disk), faults }), promised);
    finished = true;
  } catch (error) {
    expect(faults.isStopped, String(error)).toBe(true);
  }
  await disk.powerLoss();
  await using store = await openFolderStore({ folder, random });
  return { names: faults.names, finished, lost: await lost(store, promised) };
}

describe('a folder store that is killed and loses power', () => {
  test('at every effect loses nothing it has promised', async () => {
    const whole = await runUntil(Number.POSITIVE_INFINITY);
    expect(whole.finished).toBe(true);
    expect(whole.lost).toEqual([]);
    expect(whole.names.length).toBeGreaterThan(30);
    for (let stopAt = 1; stopAt <= whole.names.length; stopAt++) {
      const run = await runUntil(stopAt);
      expect(run.finished, `stopped at ${stopAt}, ${run.names.at(-1)}`).toBe(false);
      expect(run.lost, `stopped at ${stopAt}, ${run.names.at(-1)}`).toEqual([]);
    }
  });

  test('passes a fault point before every kind of effect', async () => {
    const { names } = await runUntil(Number.POSITIVE_INFINITY);
    expect([...new Set(names)].toSorted()).toEqual([
      'store.create',
      'store.link',
      'store.make-folder',
      'store.remove-folder',
      'store.sync',
      'store.sync-folder',
      'store.unlink',
      'store.write',
    ]);
  });

  test('would lose it on a disk that does not sync: the loss is real', async () => {
    const noNames = await runUntil(Number.POSITIVE_INFINITY, (disk) =>
      methods(disk, { syncFolder: async () => {} }),
    );
    expect(noNames.lost).toContain('acme/packs/p1');
    const noBytes = await runUntil(Number.POSITIVE_INFINITY, (disk) =>
      methods(disk, {
        openFile: async (path) => ({ ...(await disk.openFile(path)), sync: async () => {} }),
      }),
    );
    expect(noBytes.lost).toEqual(['acme/packs/p1', 'acme/blobs/md5/ab/abc-1']);
  });
});

function methods(disk: Disk, changed: Partial<Disk>): Disk {
  return {
    makeFolder: (path) => disk.makeFolder(path),
    createFile: (path) => disk.createFile(path),
    openFile: (path) => disk.openFile(path),
    link: (from, to) => disk.link(from, to),
    rename: (from, to) => disk.rename(from, to),
    unlink: (path) => disk.unlink(path),
    removeFolder: (path) => disk.removeFolder(path),
    syncFolder: (path) => disk.syncFolder(path),
    ...changed,
  };
}
