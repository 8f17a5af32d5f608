import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ingest, resumeIngest } from '@waybill/pipeline';
import { expect, it } from 'vitest';
import { openWorkshop, stopAt } from './workshop.ts';

it.each([2, 3, 4, 5])(
  'stopped before shard %i is added, resumed: all that is left out is listed once',
  async (time) => {
    await using shop = await openWorkshop();
    const names = Array.from({ length: 2_500 }, (_, index) => `b/${String(index).padStart(5, '0')}`);
    shop.write({ 'a/file': 'a', ...Object.fromEntries(names.map((name): [string, string] => [name, ''])) });
    const links = ['a/x', 'a/y', 'a/z', 'b/00000a', 'b/01500a', 'b/02400a', 'b/zz'];
    for (const link of links) symlinkSync('/nowhere/at/all', join(shop.tree, link));
    const request = shop.request({ paths: [join(shop.tree, 'a'), join(shop.tree, 'b')] });
    const [stopping, signal] = stopAt(shop.ports, { name: 'plan.shard.add', time });
    const run = ingest(stopping, request, { signal });
    const error = await run.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const shards = 4;
    expect(error === undefined).toBe(time > shards);
    const [found] = await shop.ports.catalog.listIngests({ limit: 1 });
    const ingestId = found?.ingestId ?? '';
    if (error !== undefined) await resumeIngest(shop.ports, { ingestId });
    const notices = await shop.ports.catalog.listNotices({ ingestId, limit: 99 });
    expect(notices.map(({ path }) => path)).toEqual(links.map((link) => join(shop.tree, link)));
    const version = await shop.ports.catalog.findVersion({ ...request.artifact, alias: 'latest' });
    expect(version).toMatchObject({ entryCount: 2_501, leftOutCount: links.length });
  },
);
