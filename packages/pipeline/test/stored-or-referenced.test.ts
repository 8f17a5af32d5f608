import { createHash } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { catEntry, checkStore, collectGarbage } from '@waybill/operations';
import { ingest } from '@waybill/pipeline';
import { expect, it } from 'vitest';
import { openWorkshop, type Workshop } from './workshop.ts';

const GC = { entity: 'local', graceMs: 0, dryRun: false } as const;
const LONG_AGO = new Date('2020-01-01T00:00:00Z');

/** Two files that the stat cache may remember. */
async function shopWithOldFiles(): Promise<Workshop> {
  const shop = await openWorkshop();
  shop.write({ a: 'one', 'd/b': 'two' });
  for (const name of ['a', 'd/b']) utimesSync(join(shop.tree, name), LONG_AGO, LONG_AGO);
  // The change time of a file cannot be set: it has to get older than the cache trusts.
  await new Promise((done) => setTimeout(done, 2_100));
  return shop;
}

async function textOf(shop: Workshop, name: string, path: string): Promise<string> {
  const ref = { entity: 'local', project: 'default', name, alias: 'latest' };
  const found = await catEntry(shop.ports, { ref, path });
  let text = '';
  for await (const chunk of found.chunks) text += Buffer.from(chunk).toString();
  return text;
}

it('a version of references never stands for one whose contents are stored', async () => {
  await using shop = await shopWithOldFiles();
  const named = (name: string) => ({ artifact: { entity: 'local', project: 'default', name } });
  const referenced = await ingest(
    shop.ports,
    shop.request({ ...named('x'), paths: [`file://${shop.tree}`] }),
  );
  const stored = await ingest(shop.ports, shop.request(named('x')));
  expect(stored).toMatchObject({ created: true, version: { index: 1, digest: referenced.version.digest } });
  await collectGarbage(shop.ports, GC);
  // Nothing is hashed: the earlier ingest is the proof that both contents are stored.
  const again = await ingest(shop.ports, shop.request(named('y')));
  expect(again).toMatchObject({ created: true, ingest: { stats: { filesHashed: 0, blobsStored: 0 } } });
  expect([await textOf(shop, 'x', 'a'), await textOf(shop, 'y', 'd/b')]).toEqual(['one', 'two']);
  const check = checkStore(shop.ports, { repair: false });
  for (let step = await check.next(); step.done !== true; step = await check.next())
    expect(step.value).toEqual([]);
  const back = await ingest(shop.ports, shop.request({ ...named('x'), paths: [`file://${shop.tree}`] }));
  expect(back).toMatchObject({ created: true, version: { index: 2 } });
  expect(
    await ingest(shop.ports, shop.request({ ...named('x'), paths: [`file://${shop.tree}`] })),
  ).toMatchObject({
    created: false,
  });
});

it('the same of some entries stored and some referenced, the other way round', async () => {
  await using shop = await openWorkshop();
  shop.write({ 'one/a': '1', 'two/b': '2' });
  const [one, two] = [join(shop.tree, 'one'), join(shop.tree, 'two')];
  const put = (paths: string[]) => ingest(shop.ports, shop.request({ paths }));
  const first = await put([one, `file://${two}`]);
  expect(await put([`file://${two}`, one])).toMatchObject({ created: false });
  const turned = await put([`file://${one}`, two]);
  expect(turned).toMatchObject({ created: true, version: { index: 1, digest: first.version.digest } });
});

it('one file whose name spells the digest lines of two is another version', async () => {
  await using shop = await openWorkshop();
  shop.write({ 'two/aa': 'x', 'two/b': 'y' });
  const put = (folder: string) => ingest(shop.ports, shop.request({ paths: [join(shop.tree, folder)] }));
  const two = await put('two');
  shop.write({ [`one/aa:${createHash('md5').update('x').digest('base64')}\nb`]: 'y' });
  const one = await put('one');
  expect(one).toMatchObject({ created: true, version: { digest: two.version.digest, entryCount: 1 } });
});
