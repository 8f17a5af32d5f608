import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Embedded } from '@waybill/embedded';
import { ingest, resumeIngest } from '@waybill/pipeline';
import { expect, it } from 'vitest';
import { withPorts } from './patched.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

const REF = { entity: 'local', project: 'default', name: 'data', alias: 'latest' };

/** Does something to the file of a staged object as soon as it is written; tells its size and key. */
function damaging(shop: Workshop, kind: 'list' | 'segment', damage: (path: string) => void) {
  const { store } = shop.ports;
  const seen = { key: '', sizeBytes: 0 };
  const ports: Embedded = withPorts(shop.ports, {
    store: {
      writeObject: async (key, chunks, options) => {
        await store.writeObject(key, chunks, options);
        if (!key.includes(`/${kind}-`)) return;
        const path = join(shop.top, 'home', 'store', key);
        seen.key = key;
        seen.sizeBytes = readFileSync(path).length;
        damage(path);
      },
    },
  });
  return { ports, seen };
}

function flip(offset: number): (path: string) => void {
  return (path) => {
    const bytes = readFileSync(path);
    bytes[offset] = (bytes[offset] ?? 0) ^ 0xff;
    writeFileSync(path, bytes);
  };
}

it.each(['list', 'segment'] as const)(
  'any damaged byte of a staged %s fails a put with nothing committed, and the same put again works',
  async (kind) => {
    await using shop = await openWorkshop();
    shop.write({ a: '1', 'b/c': '2' });
    const { version } = await ingest(shop.ports, shop.request());
    shop.write({ a: '3' });
    let sizeBytes = 1;
    for (let offset = 0; offset < sizeBytes; offset++) {
      const { ports, seen } = damaging(shop, kind, flip(offset));
      const failed = ingest(ports, shop.request());
      await expect(failed, `byte ${offset}`).rejects.toMatchObject({ code: 'CORRUPT' });
      await expect(failed).rejects.toThrow(seen.key);
      await expect(failed).rejects.toThrow(/; run (?:the same `waybill put`|the ingest) again/);
      sizeBytes = seen.sizeBytes;
    }
    expect(sizeBytes).toBeGreaterThan(8);
    expect(await shop.ports.catalog.findVersion(REF)).toMatchObject({ versionId: version.versionId });
    expect(await ingest(shop.ports, shop.request())).toMatchObject({ created: true, version: { index: 1 } });
  },
  120_000,
);

it.each([
  ['too short', (path: string) => writeFileSync(path, 'WBL1')],
  ['gone', (path: string) => rmSync(path)],
] as const)('a staged list that is %s is named', async (_how, damage) => {
  await using shop = await openWorkshop();
  shop.write({ a: '1' });
  const { ports, seen } = damaging(shop, 'list', damage);
  const failed = ingest(ports, shop.request());
  await expect(failed).rejects.toMatchObject({ code: 'CORRUPT' });
  await expect(failed).rejects.toThrow(`staged list ${seen.key} is missing or too short`);
});

it('a list that is damaged when a plan goes on is no dead end for resume', async () => {
  await using shop = await openWorkshop();
  shop.write({ a: '1', b: '2' });
  const { ports } = damaging(shop, 'list', flip(10));
  const stopped = new AbortController();
  const stopping = withPorts(ports, {
    faults: {
      reach: (point) => {
        if (point === 'plan.done') stopped.abort();
      },
    },
  });
  await expect(ingest(stopping, shop.request(), { signal: stopped.signal })).rejects.toThrow();
  const [open] = await shop.ports.catalog.listIngests({ limit: 1 });
  const ingestId = open?.ingestId ?? '';
  await expect(resumeIngest(shop.ports, { ingestId })).rejects.toMatchObject({ code: 'CORRUPT' });
  expect(await resumeIngest(shop.ports, { ingestId })).toMatchObject({ version: { entryCount: 2 } });
});
