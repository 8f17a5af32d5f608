import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SortRecord } from '@waybill/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sortRecords } from '../src/external-sort.ts';
import { createExternalSort } from '../src/index.ts';
import { collect, failureOf, inBlocks, namesIn } from './fixtures.ts';

let scratchFolder: string;

beforeAll(async () => {
  scratchFolder = await mkdtemp(join(tmpdir(), 'waybill-sort-'));
});

afterAll(async () => {
  await rm(scratchFolder, { recursive: true });
});

const keys = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'ab', '\ud55c', '\uffff', '\u{1f600}', '\ue000', '\n'),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

const records = fc.array(fc.record({ key: keys, value: fc.string({ unit: 'binary', maxLength: 20 }) }), {
  maxLength: 200,
});

function bytesOf({ key, value }: SortRecord): [Buffer, Buffer] {
  return [Buffer.from(key), Buffer.from(value)];
}

/** By key, then value: what must come out once records with equal keys are put in order too. */
function naiveSort(unsorted: readonly SortRecord[]): SortRecord[] {
  return unsorted.toSorted((a, b) => {
    const [[aKey, aValue], [bKey, bValue]] = [bytesOf(a), bytesOf(b)];
    return Buffer.compare(aKey, bKey) || Buffer.compare(aValue, bValue);
  });
}

/** A reproducible order that is none. */
function shuffled(count: number): SortRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const key = `folder/${((index * 7_919) % count).toString().padStart(8, '0')}`;
    return { key, value: String(index) };
  });
}

describe('external sort', () => {
  test('gives what sorting in memory gives, whatever the memory and the fan-in', async () => {
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 1, max: 60 }),
        async (unsorted, runBytes, fanIn, blockRecords) => {
          const input = inBlocks(unsorted, blockRecords);
          const sorted = await collect(sortRecords(input, { scratchFolder, runBytes, fanIn }));
          for (let index = 1; index < sorted.length; index++) {
            const [before, after] = [sorted[index - 1]?.key ?? '', sorted[index]?.key ?? ''];
            expect(Buffer.compare(Buffer.from(before), Buffer.from(after))).toBeLessThanOrEqual(0);
          }
          expect(naiveSort(sorted)).toEqual(naiveSort(unsorted));
        },
      ),
      { numRuns: 300 },
    );
    expect(await namesIn(scratchFolder)).toEqual([]);
  });

  test('of what fits into memory touches no disk', async () => {
    const sort = createExternalSort().sort(inBlocks(shuffled(10_000)), {
      scratchFolder: join(scratchFolder, 'none'),
    });
    expect((await collect(sort)).length).toBe(10_000);
  });

  test('of more goes through the scratch folder and leaves nothing', async () => {
    const unsorted = shuffled(30_000);
    const sort = sortRecords(inBlocks(unsorted), { scratchFolder, runBytes: 300_000, fanIn: 4 });
    const first = await sort.next();
    expect((await namesIn(scratchFolder)).length).toBe(1);
    const all = [...(first.value ?? []), ...(await collect(sort))];
    expect(all).toEqual(naiveSort(unsorted));
    expect(await namesIn(scratchFolder)).toEqual([]);
  });

  test('leaves nothing when given up, failed or cancelled', async () => {
    const options = { scratchFolder, runBytes: 100_000, fanIn: 4 };
    for await (const block of sortRecords(inBlocks(shuffled(20_000)), options)) {
      expect(block.length).toBeGreaterThan(0);
      break;
    }
    expect(await namesIn(scratchFolder)).toEqual([]);

    async function* failing() {
      yield* inBlocks(shuffled(20_000));
      throw new Error('the source broke');
    }
    await expect(collect(sortRecords(failing(), options))).rejects.toThrow('the source broke');
    expect(await namesIn(scratchFolder)).toEqual([]);

    const controller = new AbortController();
    const sort = sortRecords(inBlocks(shuffled(20_000)), { ...options, signal: controller.signal });
    await sort.next();
    controller.abort();
    expect((await failureOf(collect(sort))).code).toBe('CANCELLED');
    expect(await namesIn(scratchFolder)).toEqual([]);
  });

  test('names a scratch folder that is not there', async () => {
    const missing = join(scratchFolder, 'missing');
    const sort = sortRecords(inBlocks(shuffled(5_000)), {
      scratchFolder: missing,
      runBytes: 10_000,
      fanIn: 4,
    });
    const error = await failureOf(collect(sort));
    expect(error.code).toBe('IO');
    expect(error.message).toContain(missing);
  });
});
