import type { Clock } from '@waybill/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeBlobs } from './blob-conformance.ts';
import { ManualClock, newIngest, type TestedCatalog, uniqueName } from './catalog-fixture.ts';
import { describeCatalogModel } from './catalog-model.ts';
import { describeCollection } from './collection-conformance.ts';
import { describeIngests } from './ingest-conformance.ts';
import { describeNotices } from './notice-conformance.ts';
import { describeRaces } from './race-conformance.ts';
import { describeVersions } from './version-conformance.ts';

/**
 * Everything the ports promise of a catalog, as tests of one implementation.
 *
 * @param open a new connection to the one catalog under test; called twice
 */
export function describeCatalog(name: string, open: (clock: Clock) => Promise<TestedCatalog>): void {
  describe(name, () => {
    const clock = new ManualClock();
    const opened: TestedCatalog[] = [];

    beforeAll(async () => {
      opened.push(await open(clock), await open(clock));
    });
    afterAll(async () => {
      for (const catalog of opened) await catalog[Symbol.asyncDispose]();
    });

    const get = (): { catalog: TestedCatalog; second: TestedCatalog; clock: ManualClock } => {
      const [catalog, second] = opened;
      if (catalog === undefined || second === undefined) throw new Error(`${name} did not open`);
      return { catalog, second, clock };
    };

    test('has one id, whoever opens it', () => {
      const { catalog, second } = get();
      expect(catalog.catalogId).toMatch(/^[0-9a-z]{20,}$/);
      expect(second.catalogId).toBe(catalog.catalogId);
    });

    test('does nothing for a caller who has cancelled', async () => {
      const { catalog } = get();
      const signal = AbortSignal.abort();
      const spec = newIngest({ entity: uniqueName() });
      await expect(catalog.createIngest(spec, { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(catalog.getIngest(spec.ingestId, { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await catalog.getIngest(spec.ingestId)).toBeUndefined();
    });

    describeVersions(get);
    describeIngests(get);
    describeNotices(get);
    describeBlobs(get);
    describeCollection(get);
    describeRaces(get);
    describeCatalogModel(get);
  });
}
