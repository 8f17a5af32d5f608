import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Entry, isTombstone, type SegmentRow } from '@waybill/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mergeSegments } from '../src/segment-merge.ts';
import {
  collect,
  failureOf,
  file,
  MemoryObject,
  manyFiles,
  namesIn,
  SegmentStore,
  sortBytes,
} from './fixtures.ts';

let scratchFolder: string;

beforeAll(async () => {
  scratchFolder = await mkdtemp(join(tmpdir(), 'waybill-merge-'));
});

afterAll(async () => {
  await rm(scratchFolder, { recursive: true });
});

const sourceNames = ['folder ./one', 'folder ./two', 'folder ./three'];

function merging(store: SegmentStore, options: { fanIn?: number; signal?: AbortSignal } = {}) {
  const { segments, openSegment } = { segments: store.segments(), openSegment: store.openSegment };
  return mergeSegments({ segments, openSegment, sourceNames, scratchFolder }, { fanIn: 64, ...options });
}

/** A row as the model has it. */
interface Placed {
  readonly layer: number;
  readonly sourceIndex: number;
  readonly segment: number;
  readonly row: SegmentRow;
}

const names = fc
  .array(fc.constantFrom('a', 'b', 'a-', 'a.', '\ud55c', '\ue000', '\u{1f600}'), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.join('/'));

const placedRows = fc.array(
  fc
    .record({
      path: names,
      layer: fc.integer({ min: 0, max: 2 }),
      sourceIndex: fc.integer({ min: 0, max: 2 }),
      segment: fc.integer({ min: 0, max: 3 }),
      content: fc.constantFrom(1, 1, 1, 1, 1, 2),
      kind: fc.constantFrom('file', 'file', 'file', 'reference', 'reference', 'tombstone'),
    })
    .map(
      ({ path, layer, sourceIndex, segment, content, kind }): Placed => ({
        layer,
        sourceIndex,
        segment,
        row:
          kind === 'tombstone'
            ? { path, tombstone: true }
            : // What a source says of a path depends on the path, the source and the content alone.
              { ...file(path, content), ...(kind === 'reference' ? { ref: `s3://${sourceIndex}` } : {}) },
      }),
    ),
  { maxLength: 40 },
);

/** Splits the rows into segments with strictly ascending paths. */
function storeOf(placed: readonly Placed[], frameRows: number): { store: SegmentStore; kept: Placed[] } {
  const store = new SegmentStore();
  const kept: Placed[] = [];
  const groups = Map.groupBy(
    placed,
    ({ layer, sourceIndex, segment }) => `${layer}/${sourceIndex}/${segment}`,
  );
  for (const group of groups.values()) {
    const byPath = new Map(group.map((item) => [item.row.path, item]));
    const inOrder = sortBytes([...byPath.keys()]).flatMap((path) => byPath.get(path) ?? []);
    const [first] = inOrder;
    if (first === undefined) continue;
    kept.push(...inOrder);
    store.add({
      rows: inOrder.map(({ row }) => row),
      layer: first.layer,
      sourceIndex: first.sourceIndex,
      frameRows,
    });
  }
  return { store, kept };
}

/** The merge as one would write it for a handful of rows. */
function naiveMerge(placed: readonly Placed[]): { entries: Entry[]; conflicts: Set<string> } {
  const conflicts = new Set<string>();
  const winners = new Map<string, Entry>();
  for (const [path, all] of Map.groupBy(placed, ({ row }) => row.path)) {
    for (const layer of Map.groupBy(all, (item) => item.layer).values()) {
      const contents = new Set(layer.map(({ row }) => (isTombstone(row) ? 'tombstone' : row.digest)));
      if (contents.size > 1) conflicts.add(path);
    }
    const top = Math.max(...all.map(({ layer }) => layer));
    const [best] = all
      .filter(({ layer }) => layer === top)
      .toSorted((a, b) => Number('ref' in a.row) - Number('ref' in b.row) || a.sourceIndex - b.sourceIndex);
    if (best !== undefined && !isTombstone(best.row)) winners.set(path, best.row);
  }
  const entries = sortBytes([...winners.keys()]).flatMap((path) => winners.get(path) ?? []);
  for (const a of entries) {
    for (const b of entries) {
      const isStored = a.ref === undefined || b.ref === undefined;
      if (isStored && b.path.startsWith(`${a.path}/`)) conflicts.add(b.path);
    }
  }
  return { entries, conflicts };
}

describe('merge', () => {
  test('gives what a naive merge gives, whatever the fan-in', async () => {
    let merged = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        placedRows,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 8 }),
        async (placed, frameRows, fanIn) => {
          const { store, kept } = storeOf(placed, frameRows);
          const { entries, conflicts } = naiveMerge(kept);
          if (conflicts.size === 0) {
            expect(await collect(merging(store, { fanIn }))).toEqual(entries);
            merged += 1;
          } else {
            const error = await failureOf(collect(merging(store, { fanIn })));
            expect(error.code).toBe('PATH_CONFLICT');
            const named = [...conflicts].filter((path) => error.message.includes(JSON.stringify(path)));
            expect(named).not.toEqual([]);
            refused += 1;
          }
        },
      ),
      { numRuns: 600 },
    );
    expect(Math.min(merged, refused)).toBeGreaterThan(50);
    expect(await namesIn(scratchFolder)).toEqual([]);
  });

  test('passes disjoint segments through in order, opening each when it is reached', async () => {
    const rows = manyFiles(20_000);
    const store = new SegmentStore();
    for (let from = 0; from < rows.length; from += 1_000) {
      store.add({ rows: rows.slice(from, from + 1_000), frameRows: 300 });
    }
    const merge = merging(store);
    const first = await merge.next();
    expect(first.value?.[0]).toEqual(rows[0]);
    expect(store.opened.length).toBeLessThan(5);
    expect([...(first.value ?? []), ...(await collect(merge))]).toEqual(rows);
    for (const object of store.objects.values()) expect(object.ranges.length).toBe(1);
  });

  test('reads a large segment window by window', async () => {
    const rows = manyFiles(60_000);
    const store = new SegmentStore();
    store.add({ rows });
    expect((await collect(merging(store))).length).toBe(rows.length);
    const [object] = store.objects.values();
    expect(object?.ranges.length).toBeGreaterThan(1);
    expect(Math.max(...(object?.ranges.map(({ length }) => length) ?? []))).toBeLessThanOrEqual(524_288);
    expect(object?.bytesRead).toBeLessThan((object?.sizeBytes ?? 0) * 1.2);
  });

  test('merges more segments than it may open at once, through scratch', async () => {
    const rows = manyFiles(9_000);
    const store = new SegmentStore();
    const count = 90;
    for (let segment = 0; segment < count; segment++) {
      store.add({
        rows: rows.filter((_, index) => index % count === segment),
        sourceIndex: segment % 3,
        frameRows: 40,
      });
    }
    const merge = merging(store, { fanIn: 4 });
    const first = await merge.next();
    expect((await namesIn(scratchFolder)).length).toBe(1);
    expect([...(first.value ?? []), ...(await collect(merge))]).toEqual(rows);
    expect(await namesIn(scratchFolder)).toEqual([]);
  });

  test('holds few references however many segments there are', async () => {
    const rows = manyFiles(5_000);
    const store = new SegmentStore();
    for (const row of rows) store.add({ rows: [row] });
    const merge = merging(store);
    const first = await merge.next();
    // The references beyond the limit wait in a scratch file.
    expect((await namesIn(scratchFolder)).length).toBe(1);
    expect([...(first.value ?? []), ...(await collect(merge))]).toEqual(rows);
    expect(await namesIn(scratchFolder)).toEqual([]);
  });

  test('leaves nothing behind when given up, failed or cancelled', async () => {
    const rows = manyFiles(3_000);
    const store = new SegmentStore();
    for (let segment = 0; segment < 30; segment++) {
      store.add({ rows: rows.filter((_, index) => index % 30 === segment), frameRows: 10 });
    }
    for await (const block of merging(store, { fanIn: 3 })) {
      expect(block.length).toBeGreaterThan(0);
      break;
    }
    expect(await namesIn(scratchFolder)).toEqual([]);

    store.add({ rows: [file(rows.at(-1)?.path ?? '', 9)] });
    expect((await failureOf(collect(merging(store, { fanIn: 3 })))).code).toBe('PATH_CONFLICT');
    expect(await namesIn(scratchFolder)).toEqual([]);

    const controller = new AbortController();
    const merge = merging(store, { fanIn: 3, signal: controller.signal });
    await merge.next();
    controller.abort();
    expect((await failureOf(collect(merge))).code).toBe('CANCELLED');
    expect(await namesIn(scratchFolder)).toEqual([]);
  });

  test('says where the scratch folder fails', async () => {
    const store = new SegmentStore();
    for (let segment = 0; segment < 5; segment++) store.add({ rows: [file('a'), file('b')] });
    const { segments, openSegment } = { segments: store.segments(), openSegment: store.openSegment };
    const missing = join(scratchFolder, 'missing');
    const error = await failureOf(
      collect(mergeSegments({ segments, openSegment, sourceNames, scratchFolder: missing }, { fanIn: 2 })),
    );
    expect(error.code).toBe('IO');
    expect(error.message).toContain(missing);
  });

  test('of nothing is nothing', async () => {
    expect(await collect(merging(new SegmentStore()))).toEqual([]);
  });

  test('refuses references out of order', async () => {
    const store = new SegmentStore();
    store.add({ rows: [file('b')] });
    store.add({ rows: [file('a')] });
    async function* unsorted() {
      yield* store.refs;
    }
    const { openSegment } = store;
    const merge = mergeSegments(
      { segments: unsorted(), openSegment, sourceNames, scratchFolder },
      { fanIn: 4 },
    );
    expect((await failureOf(collect(merge))).message).toContain('SEG-5');
  });
});

describe('conflicts', () => {
  test('two contents for one path name the path and both sources', async () => {
    const store = new SegmentStore();
    store.add({ rows: [file('x/a'), file('x/b', 1)], sourceIndex: 0 });
    store.add({ rows: [file('x/b', 2)], sourceIndex: 2 });
    const error = await failureOf(collect(merging(store)));
    expect(error).toMatchObject({ code: 'PATH_CONFLICT', outcome: 'conflict' });
    expect(error.message).toContain('"x/b"');
    expect(error.details['sources']).toEqual(['folder ./one', 'folder ./three']);
    for (const name of ['folder ./one', 'folder ./three']) expect(error.message).toContain(name);
  });

  test('the same content twice is one entry; stored before referenced', async () => {
    const store = new SegmentStore();
    store.add({ rows: [{ ...file('a', 1), ref: 's3://b/a' }], sourceIndex: 0 });
    store.add({ rows: [file('a', 1)], sourceIndex: 1 });
    expect(await collect(merging(store))).toEqual([file('a', 1)]);
  });

  test('of equal references the one of the earlier source stays', async () => {
    const store = new SegmentStore();
    store.add({ rows: [{ ...file('a', 1), ref: 's3://two/a' }], sourceIndex: 1 });
    store.add({ rows: [{ ...file('a', 1), ref: 's3://one/a' }], sourceIndex: 0 });
    store.add({ rows: [{ ...file('a', 1), ref: 's3://three/a' }], sourceIndex: 2 });
    expect(await collect(merging(store))).toMatchObject([{ ref: 's3://one/a' }]);
  });

  test('sources are still known behind scratch files', async () => {
    const store = new SegmentStore();
    store.add({ rows: [file('a0'), file('c', 1)], sourceIndex: 2 });
    for (let segment = 1; segment < 9; segment++) {
      store.add({ rows: [file(`a${segment}`), file(`d${segment}`)], sourceIndex: 0 });
    }
    store.add({ rows: [file('b'), file('c')], sourceIndex: 1 });
    const error = await failureOf(collect(merging(store, { fanIn: 2 })));
    expect(error.code).toBe('PATH_CONFLICT');
    expect(error.details).toMatchObject({ subject: 'c' });
    expect(error.message).toContain('folder ./two');
    expect(error.message).toContain('folder ./three');
  });

  test.each([
    ['files', file('a'), file('a/b'), true],
    ['a file below a reference', { ...file('a'), ref: 'x' }, file('a/b'), true],
    ['a reference below a file', file('a'), { ...file('a/b'), ref: 'x' }, true],
    ['references', { ...file('a'), ref: 'x' }, { ...file('a/b'), ref: 'x' }, false],
  ])('a path that is also a folder: %s', async (_name, outer, inner, isConflict) => {
    const store = new SegmentStore();
    store.add({ rows: [outer], sourceIndex: 0 });
    store.add({ rows: [file('a-b'), file('a.c'), inner], sourceIndex: 1 });
    if (!isConflict) {
      expect((await collect(merging(store))).length).toBe(4);
      return;
    }
    const error = await failureOf(collect(merging(store)));
    expect(error).toMatchObject({ code: 'PATH_CONFLICT', details: { paths: ['a', 'a/b'] } });
    for (const part of ['"a"', '"a/b"', 'folder ./one', 'folder ./two'])
      expect(error.message).toContain(part);
  });

  test('a removed path is no folder of anything', async () => {
    const store = new SegmentStore();
    store.add({ rows: [file('a')], layer: 0 });
    store.add({ rows: [{ path: 'a', tombstone: true }, file('a/b')], layer: 1 });
    expect(await collect(merging(store))).toEqual([file('a/b')]);
  });
});

describe('damaged segments', () => {
  const rows = manyFiles(700);

  test('every changed byte and every missing end is CORRUPT and named', async () => {
    const store = new SegmentStore();
    store.add({ rows, frameRows: 100 });
    const [ref] = store.refs;
    const object = store.objects.get(ref?.key ?? '');
    if (ref === undefined || object === undefined) throw new Error('no segment');
    const pristine = Buffer.from(object.bytes);
    const headerEnd = pristine.readUInt32LE(4);
    const positions = fc.oneof(
      fc.integer({ min: 0, max: headerEnd }),
      fc.integer({ min: 0, max: pristine.length - 1 }),
    );
    const damages = fc.oneof(
      fc.record({ at: positions, xor: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ length: fc.integer({ min: 0, max: pristine.length - 1 }) }),
    );
    await fc.assert(
      fc.asyncProperty(damages, async (damage) => {
        const bytes = Buffer.from('length' in damage ? pristine.subarray(0, damage.length) : pristine);
        if ('at' in damage) bytes[damage.at] = (bytes[damage.at] ?? 0) ^ damage.xor;
        const damaged = new SegmentStore();
        damaged.add({ rows, frameRows: 100 });
        damaged.objects.set(ref.key, new MemoryObject(ref.key, bytes));
        const error = await failureOf(collect(merging(damaged)));
        expect(error.code).toBe('CORRUPT');
        expect(error.message).toContain(ref.key);
      }),
      { numRuns: 400 },
    );
  });

  test('one that is not the segment on record is CORRUPT', async () => {
    const store = new SegmentStore();
    store.add({ rows: [file('a'), file('b')], sourceIndex: 0 });
    store.add({ rows: [file('a'), file('b')], sourceIndex: 1 });
    const [first, second] = store.refs.map(({ key }) => store.objects.get(key));
    if (first === undefined || second === undefined) throw new Error('no segment');
    store.objects.set(first.name, second);
    const error = await failureOf(collect(merging(store)));
    expect(error.code).toBe('CORRUPT');
    expect(error.message).toContain('sourceIndex');
  });
});
