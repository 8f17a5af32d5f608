import {
  closeSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LIMITS } from '@waybill/core';
import { catEntry, checkStore, collectGarbage, deleteVersion } from '@waybill/operations';
import { cancelIngest, ingest, listInterrupted, resumeIngest } from '@waybill/pipeline';
import { describe, expect, it } from 'vitest';
import { failOnceAt, openWorkshop, type Workshop } from './workshop.ts';

/** Files are remembered only when they were last changed this long before they were read. */
const SETTLE_MS = 2_100;
const GC = { dryRun: false, graceMs: 0 };
const REF = { entity: 'local', project: 'default', name: 'data', alias: 'latest' };

function numbered(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`folder/file-${index}`, `content ${index}`]),
  );
}

async function readBack(shop: Workshop, path: string): Promise<string> {
  const { chunks } = await catEntry(shop.ports, { ref: REF, path });
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

async function isSound(shop: Workshop): Promise<boolean> {
  const check = checkStore(shop.ports, { repair: false });
  for (;;) {
    const step = await check.next();
    if (step.done === true) return step.value.ok;
  }
}

describe('an interrupted ingest', () => {
  it('is resumed without redoing finished shards, and ends with the same digest', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(3_500));
    const whole = await ingest(shop.ports, shop.request({ artifact: { ...REF, name: 'whole' } }));
    const stopped = failOnceAt(shop.ports, 'finalize.manifest.write');
    await expect(
      ingest(
        stopped,
        shop.request({ options: { ...shop.request().options, useStatCache: false, reuse: 'never' } }),
      ),
    ).rejects.toThrow('stopped at');
    const [open] = await shop.ports.catalog.listIngests({ states: ['FAILED'], limit: 1 });
    if (open === undefined) throw new Error('there is no failed ingest');
    // Changed after its shard was finished: resume does not look at it again.
    shop.write({ 'folder/file-0': 'changed meanwhile' });
    const resumed = await resumeIngest(shop.ports, { ingestId: open.ingestId });
    expect(resumed.version.digest).toBe(whole.version.digest);
    expect(resumed.ingest.stats.filesHashed).toBe(3_500);
    expect(await isSound(shop)).toBe(true);
  });

  it('is taken up by the same put, which sees what changed meanwhile', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(20));
    await expect(ingest(failOnceAt(shop.ports, 'finalize.start'), shop.request())).rejects.toThrow(
      'stopped at',
    );
    const [before] = await Array.fromAsync(listInterrupted(shop.ports));
    shop.write({ 'folder/new': 'new', 'folder/file-3': 'other content' });
    const { version, ingest: ended } = await ingest(shop.ports, shop.request());
    expect(ended.ingestId).toBe(before?.ingest.ingestId);
    expect(version.entryCount).toBe(21);
    expect(await readBack(shop, 'folder/file-3')).toBe('other content');
    expect(await Array.fromAsync(listInterrupted(shop.ports))).toEqual([]);
  });

  it('goes on with the walk behind the last name that was recorded, once for each thing left out', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(2_500));
    for (const name of ['a', 'z']) renameSync(brokenLink(shop), join(shop.tree, name));
    await expect(ingest(failOnceAt(shop.ports, 'plan.done'), shop.request())).rejects.toThrow('stopped at');
    const [open] = await shop.ports.catalog.listIngests({ states: ['FAILED'], limit: 1 });
    if (open === undefined) throw new Error('there is no failed ingest');
    // As a crash in the middle of the plan leaves it.
    await shop.ports.catalog.moveIngest({
      ingestId: open.ingestId,
      from: ['FAILED'],
      to: 'PLANNING',
      newFence: true,
    });
    const { version, leftOut } = await resumeIngest(shop.ports, { ingestId: open.ingestId });
    expect(version.entryCount).toBe(2_500);
    expect(leftOut).toBe(2);
  });

  it('can be given up; nothing of it stays', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(20));
    await expect(ingest(failOnceAt(shop.ports, 'finalize.start'), shop.request())).rejects.toThrow(
      'stopped at',
    );
    const [open] = await Array.fromAsync(listInterrupted(shop.ports));
    const ingestId = open?.ingest.ingestId ?? '';
    expect(await cancelIngest(shop.ports, { ingestId })).toMatchObject({ state: 'CANCELLED' });
    await expect(resumeIngest(shop.ports, { ingestId })).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await collectGarbage(shop.ports, GC);
    expect(await Array.fromAsync(shop.ports.store.list('local/'))).toEqual([]);
  });
});

function brokenLink(shop: Workshop): string {
  const path = join(shop.top, `link-${Math.random()}`);
  symlinkSync('nowhere', path);
  return path;
}

describe('the stat cache', () => {
  it('spares the hash of unchanged files, and nothing else', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(50));
    await delay(SETTLE_MS);
    await ingest(shop.ports, shop.request());
    const second = await ingest(shop.ports, shop.request());
    expect(second).toMatchObject({ created: false, ingest: { stats: { files: 50, filesHashed: 0 } } });
    const forced = await ingest(
      shop.ports,
      shop.request({ options: { ...shop.request().options, reuse: 'never' } }),
    );
    expect(forced).toMatchObject({ created: true, ingest: { stats: { filesHashed: 0, blobsStored: 0 } } });
  });

  it('is not fooled by times set back after an edit, nor by another file of the same size and times', async () => {
    await using shop = await openWorkshop();
    shop.write({ edited: 'before', replaced: 'before', kept: 'before' });
    await delay(SETTLE_MS);
    await ingest(shop.ports, shop.request());
    const edited = join(shop.tree, 'edited');
    const { atime, mtime } = statSync(edited);
    writeFileSync(edited, 'after!');
    utimesSync(edited, atime, mtime);
    const other = join(shop.top, 'other');
    writeFileSync(other, 'after!');
    utimesSync(other, atime, mtime);
    renameSync(other, join(shop.tree, 'replaced'));
    const { ingest: ended } = await ingest(shop.ports, shop.request());
    expect(ended.stats.filesHashed).toBe(2);
    expect(await readBack(shop, 'edited')).toBe('after!');
    expect(await readBack(shop, 'replaced')).toBe('after!');
  });

  it('does not remember a file that changed just before it was read', async () => {
    await using shop = await openWorkshop();
    shop.write({ fresh: 'first' });
    await ingest(shop.ports, shop.request());
    // Within one tick of a coarse clock this would have the same times, and it has the same size.
    shop.write({ fresh: 'other' });
    const { ingest: ended } = await ingest(shop.ports, shop.request());
    expect(ended.stats.filesHashed).toBe(1);
    expect(await readBack(shop, 'fresh')).toBe('other');
  });

  it('never stands for a stored content: what gc took away is stored again', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(30));
    await delay(SETTLE_MS);
    await ingest(shop.ports, shop.request());
    await deleteVersion(shop.ports, { ref: REF, deleteAliases: true });
    await collectGarbage(shop.ports, GC);
    const again = await ingest(shop.ports, shop.request());
    expect(again.ingest.stats).toMatchObject({ filesHashed: 30, blobsStored: 30 });
    expect(await isSound(shop)).toBe(true);
  });
});

describe('gc beside a put', () => {
  it('never takes what the put found to be stored', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(40));
    await delay(SETTLE_MS);
    await ingest(shop.ports, shop.request());
    for (const useStatCache of [true, false]) {
      const collecting = Object.create(shop.ports, {
        faults: {
          value: {
            reach: (point: string): void => {
              if (point === 'shard.complete') collected.push(deleteAndCollect(shop));
            },
          },
        },
      }) as typeof shop.ports;
      const collected: Promise<unknown>[] = [];
      const options = { ...shop.request().options, useStatCache, reuse: 'never' as const };
      await ingest(collecting, shop.request({ options }));
      expect(collected.length).toBeGreaterThan(0);
      await Promise.all(collected);
      await collectGarbage(shop.ports, GC);
      expect(await isSound(shop)).toBe(true);
      expect(await readBack(shop, 'folder/file-7')).toBe('content 7');
    }
  });
});

/** Deletes the version the running put relies on, and collects with no mercy. */
async function deleteAndCollect(shop: Workshop): Promise<void> {
  const version = await shop.ports.catalog.findVersion(REF);
  if (version !== undefined) await deleteVersion(shop.ports, { ref: REF, deleteAliases: true });
  await collectGarbage(shop.ports, GC);
}

describe('shards', () => {
  it('that hold more bytes than a shard may are split, and no name is lost', async () => {
    await using shop = await openWorkshop();
    const count = 12;
    const sizeBytes = LIMITS.shardBytes / 4;
    shop.write({ 'a-small': 'small', 'z-small': 'small too' });
    for (let index = 0; index < count; index++) {
      // Holes: hashed as zeros, and stored nowhere since they are references.
      const file = openSync(join(shop.tree, `large-${index}`), 'w');
      ftruncateSync(file, sizeBytes + index);
      closeSync(file);
    }
    const request = shop.request({ paths: [`file://${shop.tree}`] });
    const { version, ingest: ended } = await ingest(shop.ports, request);
    expect(version.entryCount).toBe(count + 2);
    expect(ended.stats.shards).toBeGreaterThanOrEqual(3);
    expect(ended.stats.shardsDone).toBe(ended.stats.shards);
    const { version: again } = await ingest(shop.ports, {
      ...request,
      options: { ...request.options, useStatCache: false },
    });
    expect(again.digest).toBe(version.digest);
  }, 60_000);

  it('store a content once, however many files have it', async () => {
    await using shop = await openWorkshop();
    shop.write(
      Object.fromEntries(Array.from({ length: 2_200 }, (_, index) => [`f/${index}`, `content ${index % 3}`])),
    );
    const large = Buffer.alloc(LIMITS.largeFileBytes, 'x');
    shop.write({ 'large-1': large, 'large-2': large, 'large-3': large });
    const { ingest: ended } = await ingest(shop.ports, shop.request());
    expect(ended.stats).toMatchObject({ files: 2_203, blobsStored: 4 });
    expect(await isSound(shop)).toBe(true);
  });
});

describe('sources', () => {
  it('that vanish or cannot be read fail the ingest with the whole list, and leave the versions as they are', async () => {
    await using shop = await openWorkshop();
    shop.write(numbered(10));
    const { version } = await ingest(shop.ports, shop.request());
    shop.write({ 'folder/new-1': '1', 'folder/new-2': '2' });
    const vanishing = Object.create(shop.ports, {
      faults: {
        value: {
          reach: (point: string): void => {
            if (point !== 'plan.shard.add') return;
            rmSync(join(shop.tree, 'folder/new-1'));
            rmSync(join(shop.tree, 'folder/new-2'));
          },
        },
      },
    }) as typeof shop.ports;
    await expect(ingest(vanishing, shop.request())).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      details: { count: 2, problems: [{ reason: 'vanished' }, { reason: 'vanished' }] },
    });
    expect(await shop.ports.catalog.findVersion(REF)).toMatchObject({ digest: version.digest, index: 0 });
    expect(await ingest(shop.ports, shop.request())).toMatchObject({ created: false });
  });

  it('with the same path and another content are both named', async () => {
    await using shop = await openWorkshop();
    shop.write({ 'one/x': '1', 'two/x': '2', 'two/y': '1' });
    const paths = [join(shop.tree, 'one'), join(shop.tree, 'two')];
    await expect(ingest(shop.ports, shop.request({ paths }))).rejects.toMatchObject({
      code: 'PATH_CONFLICT',
    });
    await expect(ingest(shop.ports, shop.request({ paths }))).rejects.toThrow(/one.*two|two.*one/s);
    shop.write({ 'two/x': '1' });
    expect(await ingest(shop.ports, shop.request({ paths }))).toMatchObject({ version: { entryCount: 2 } });
  });
});

it('two puts to one artifact at once get two versions, or one when they are equal', async () => {
  await using shop = await openWorkshop();
  shop.write({ 'one/x': '1', 'two/x': '2' });
  const [first, second] = await Promise.all(
    ['one', 'two'].map((name) => ingest(shop.ports, shop.request({ paths: [join(shop.tree, name)] }))),
  );
  expect(new Set([first?.version.index, second?.version.index])).toEqual(new Set([0, 1]));
  const same = [shop.request({ aliases: ['a'] }), shop.request({ aliases: ['b'] })];
  const [third, fourth] = await Promise.all(same.map((request) => ingest(shop.ports, request)));
  expect(third?.version.index).toBe(2);
  expect(fourth?.version.index).toBe(2);
  expect(new Set([third?.created, fourth?.created])).toEqual(new Set([false, true]));
});
