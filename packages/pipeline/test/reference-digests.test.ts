import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { LIMITS } from '@waybill/core';
import { catEntry, exportManifest, getVersion, verifyVersion } from '@waybill/operations';
import { ingest } from '@waybill/pipeline';
import { expect, it } from 'vitest';
import { openWorkshop, type Workshop } from './workshop.ts';

// References keep MD5 in an artifact of the other algorithm, as the W&B client writes them.

const REF = { entity: 'local', project: 'default', name: 'data', alias: 'latest' };
/** Files are remembered only when they were last changed this long before they were read. */
const SETTLE_MS = 2_100;
const MD5_OF_HELLO = 'XUFAKrxLKna5cZ2REBfFkg==';
const XXH128_OF_HELLO = 'tenBrQcbPn/Hec+qXlI4GA==';

/** `a.txt` as a reference, `b.txt` stored. */
async function putBoth(shop: Workshop) {
  mkdirSync(join(shop.top, 'elsewhere'), { recursive: true });
  writeFileSync(join(shop.top, 'elsewhere/a.txt'), 'hello');
  shop.write({ 'b.txt': 'hello' });
  return ingest(shop.ports, { ...both(shop), digestAlgorithm: 'XXH128' });
}

function both(shop: Workshop) {
  return shop.request({
    paths: [pathToFileURL(join(shop.top, 'elsewhere/a.txt')).href, join(shop.tree, 'b.txt')],
  });
}

async function manifestOf(shop: Workshop): Promise<Record<string, unknown>> {
  const chunks = await Array.fromAsync(exportManifest(shop.ports, { ref: REF, format: 'wandb-json' }));
  const { contents } = JSON.parse(Buffer.concat(chunks).toString()) as { contents: Record<string, unknown> };
  return contents;
}

async function readBack(shop: Workshop, path: string): Promise<string> {
  const { chunks } = await catEntry(shop.ports, { ref: REF, path });
  return Buffer.concat(await Array.fromAsync(chunks)).toString();
}

it('a reference and a stored file of one XXH128 version', async () => {
  await using shop = await openWorkshop();
  const { version } = await putBoth(shop);
  expect(version).toMatchObject({ digest: '6f25ed43a79bf8f5895497f7986a8931', digestAlgorithm: 'XXH128' });
  const contents = await manifestOf(shop);
  expect(contents['a.txt']).toMatchObject({ digest: MD5_OF_HELLO, size: 5 });
  expect(contents['a.txt']).not.toHaveProperty('extra');
  expect(contents['b.txt']).toMatchObject({ digest: XXH128_OF_HELLO, extra: { alg: 'XXH128' } });

  const root = join(shop.top, 'out');
  const request = { ref: REF, root, only: [] };
  expect(await getVersion(shop.ports, request)).toMatchObject({ written: 2, skipped: 0 });
  expect(await getVersion(shop.ports, request)).toMatchObject({ written: 0, skipped: 2 });
  expect(await Array.fromAsync(verifyVersion(shop.ports, { ref: REF, root }))).toEqual([]);
  expect(await readBack(shop, 'a.txt')).toBe('hello');
  expect(await readBack(shop, 'b.txt')).toBe('hello');
  for (const name of ['a.txt', 'b.txt']) writeFileSync(join(root, name), 'HELLO');
  expect(await Array.fromAsync(verifyVersion(shop.ports, { ref: REF, root }))).toEqual([
    { kind: 'changed', path: 'a.txt' },
    { kind: 'changed', path: 'b.txt' },
  ]);
  expect(await getVersion(shop.ports, request)).toMatchObject({ written: 2, skipped: 0 });
});

it('what the stat cache remembers of one does not stand for the other', async () => {
  await using shop = await openWorkshop();
  await putBoth(shop);
  await delay(SETTLE_MS);
  await ingest(shop.ports, both(shop));
  const again = await ingest(shop.ports, both(shop));
  expect(again).toMatchObject({ created: false, ingest: { stats: { filesHashed: 0 } } });
  // The file that was referenced is stored now: its row is of the other algorithm, so it is hashed.
  const paths = [join(shop.top, 'elsewhere/a.txt'), join(shop.tree, 'b.txt')];
  const stored = await ingest(shop.ports, shop.request({ paths }));
  expect(stored).toMatchObject({ created: true, ingest: { stats: { filesHashed: 1 } } });
  expect((await manifestOf(shop))['a.txt']).toMatchObject({ digest: XXH128_OF_HELLO });
});

it('a large reference too', async () => {
  await using shop = await openWorkshop();
  shop.write({ large: new Uint8Array(LIMITS.largeFileBytes) });
  const paths = [pathToFileURL(shop.tree).href];
  await ingest(shop.ports, shop.request({ paths, digestAlgorithm: 'XXH128' }));
  expect((await manifestOf(shop))['large']).toMatchObject({ digest: 'tc+p1sj+vWGPkawoQ9UKHA==' });
  expect(await getVersion(shop.ports, { ref: REF, root: join(shop.top, 'out'), only: [] })).toMatchObject({
    written: 1,
  });
});
