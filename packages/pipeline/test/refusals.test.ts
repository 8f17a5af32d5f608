import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '@waybill/core';
import { ingest } from '@waybill/pipeline';
import { describe, expect, it } from 'vitest';
import { openWorkshop, type Workshop } from './workshop.ts';

const REF = { entity: 'local', project: 'default', name: 'data', alias: 'latest' };

function options(shop: Workshop, change: Partial<ReturnType<Workshop['request']>['options']>) {
  return shop.request({ options: { ...shop.request().options, ...change } });
}

describe('patterns that select nothing', () => {
  it('fail before anything is committed, naming the patterns and the folder', async () => {
    await using shop = await openWorkshop();
    shop.write({ 'a.txt': 'a', 'b.txt': 'b' });
    const { version } = await ingest(shop.ports, shop.request());
    const refused = ingest(shop.ports, options(shop, { include: ['*.png', 'images/**'] }));
    await expect(refused).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND', outcome: 'not-found' });
    await expect(refused).rejects.toThrow(/tree.*\*\.png.*images\/\*\*.*nothing was committed/is);
    expect(await shop.ports.catalog.findVersion(REF)).toMatchObject({ versionId: version.versionId });
    expect(await ingest(shop.ports, options(shop, { include: ['a*', 'c*'] }))).toMatchObject({
      version: { entryCount: 1 },
    });
  });

  it('are not what an empty folder is: that is a version', async () => {
    await using shop = await openWorkshop();
    expect(await ingest(shop.ports, shop.request())).toMatchObject({ version: { entryCount: 0 } });
    expect(await ingest(shop.ports, options(shop, { exclude: ['x'] }))).toMatchObject({ created: false });
  });
});

describe("Waybill's own home below the source", () => {
  it('is left out, listed and recorded, and no reason to fail under --strict', async () => {
    await using shop = await openWorkshop();
    shop.write({ a: 'a' });
    const request = { ...options(shop, { strict: true }), paths: [shop.top] };
    const first = await ingest(shop.ports, request);
    expect(first).toMatchObject({ leftOut: 1, version: { entryCount: 1, leftOutCount: 1 } });
    const page = { ingestId: first.ingest.ingestId, limit: 10 };
    expect(await shop.ports.catalog.listNotices(page)).toMatchObject([
      { severity: 'left-out', reason: 'own-store', path: join(shop.top, 'home') },
    ]);
    // Nothing has changed but the home itself.
    expect(await ingest(shop.ports, request)).toMatchObject({ created: false });
    symlinkSync('nowhere', join(shop.tree, 'broken'));
    const strict = ingest(shop.ports, request);
    await expect(strict).rejects.toMatchObject({ code: 'SOURCE_LEFT_OUT', details: { count: 1 } });
    await expect(strict).rejects.toThrow(/^1 path would be left out/);
  });

  it('cannot be a source', async () => {
    await using shop = await openWorkshop();
    mkdirSync(join(shop.top, 'home', 'mine'));
    for (const name of ['home', 'home/store', 'home/mine']) {
      const refused = ingest(shop.ports, shop.request({ paths: [join(shop.top, name)] }));
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });
});

it('more aliases than a version may have are refused before any work, `latest` counted', async () => {
  await using shop = await openWorkshop();
  shop.write({ a: 'a' });
  const aliases = Array.from({ length: LIMITS.aliasesPerVersion }, (_, index) => `a${index}`);
  const refused = ingest(shop.ports, shop.request({ aliases }));
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_ALIAS' });
  expect(await shop.ports.catalog.listIngests({ limit: 1 })).toEqual([]);
  const most = [...aliases.slice(1), 'latest', 'a1'];
  const { version } = await ingest(shop.ports, shop.request({ aliases: most }));
  expect(version.aliases).toHaveLength(LIMITS.aliasesPerVersion);
});
