import type { BlobLocation, Entry, VersionRecord } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import { locateEntries } from '../src/blob-lookup.ts';
import { planWrites } from '../src/write-plan.ts';
import { digestOf } from './memory-digests.ts';

const MIB = 1_048_576;
const version = {
  entity: 'team',
  project: 'p',
  name: 'n',
  index: 0,
  digestAlgorithm: 'MD5',
} as VersionRecord;

function entryOf(path: string, sizeBytes: number): Entry {
  return { path, digest: digestOf(path).toBase64(), sizeBytes };
}

function plan(
  entries: readonly Entry[],
  placeOf: (entry: Entry, index: number) => Omit<BlobLocation, 'length'>,
  threads = 2,
) {
  const locations = new Map(
    entries.map((entry, index) => [entry.digest, { ...placeOf(entry, index), length: entry.sizeBytes ?? 0 }]),
  );
  return planWrites({ version, entries, locations, threads });
}

describe('planWrites', () => {
  test('reads each object forwards, in bounded tasks that go across objects', () => {
    const entries = Array.from({ length: 2_500 }, (_, index) => entryOf(`f${index}`, 100));
    const { tasks, failures } = plan(entries, (_, index) => ({
      key: `pack${index % 3}`,
      offset: 10_000 - index,
    }));
    expect(failures).toEqual([]);
    expect(tasks.map(({ entries: { length } }) => length)).toEqual([1_000, 1_000, 500]);
    expect(tasks.map(({ objects }) => objects.map(({ key }) => key))).toEqual([
      ['pack0', 'pack1'],
      ['pack1', 'pack2'],
      ['pack2'],
    ]);
    for (const { objects } of tasks) {
      for (const { blobs } of objects)
        expect([...blobs.offsets]).toEqual([...blobs.offsets].sort((a, b) => a - b));
    }
    expect(new Set(tasks.flatMap((task) => task.entries))).toEqual(new Set(entries));
  });

  test('bounds the bytes of a task', () => {
    const entries = Array.from({ length: 20 }, (_, index) => entryOf(`f${index}`, 3 * MIB));
    const { tasks } = plan(entries, (_, index) => ({ key: 'pack', offset: index * 3 * MIB }));
    expect(tasks.map(({ entries: { length } }) => length)).toEqual([5, 5, 5, 5]);
  });

  test('shares few large files among the threads, and many in groups of lanes', () => {
    const few = Array.from({ length: 4 }, (_, index) => entryOf(`f${index}`, 32 * MIB));
    const sizes = ({ tasks }: ReturnType<typeof plan>) => tasks.map(({ entries: { length } }) => length);
    expect(sizes(plan(few, ({ path }) => ({ key: path, offset: 0 })))).toEqual([2, 2]);
    const many = Array.from({ length: 60 }, (_, index) => entryOf(`f${index}`, 5 * MIB));
    expect(sizes(plan(many, ({ path }) => ({ key: path, offset: 0 })))).toEqual([16, 16, 16, 12]);
  });

  test('says what is not where it should be', () => {
    const entries = [entryOf('gone', 1), entryOf('wrong', 2), entryOf('right', 3)];
    const locations = new Map(
      entries.slice(1).map(({ digest }) => [digest, { key: 'k', offset: 0, length: 3 }]),
    );
    const { tasks, failures } = planWrites({ version, entries, locations, threads: 2 });
    expect(failures).toMatchObject([
      { path: 'gone', code: 'MISSING_BLOB' },
      { path: 'wrong', code: 'CORRUPT' },
    ]);
    expect(tasks).toHaveLength(1);
  });
});

test('locations are asked for a bounded number of distinct digests at a time', async () => {
  const asked: number[] = [];
  const index = {
    locate: ({ digests }: { digests: Uint8Array }) => {
      asked.push(digests.length / 16);
      const rows = Array.from({ length: digests.length / 16 }, () => ({ key: 'k', offset: 0, length: 1 }));
      return Promise.resolve(rows);
    },
  };
  const entries = Array.from({ length: 5_000 }, (_, index_) => entryOf(`f${index_ % 4_500}`, 1));
  const found = await locateEntries({ index: index as never }, { version, entries });
  expect(asked).toEqual([2_000, 2_000, 500]);
  expect(found.size).toBe(4_500);
});
