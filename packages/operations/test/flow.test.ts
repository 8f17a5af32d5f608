import { setTimeout as sleep } from 'node:timers/promises';
import { compareUtf8 } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Channel } from '../src/channel.ts';
import { mapOrdered } from '../src/map-ordered.ts';
import { mergeJoin } from '../src/merge-join.ts';
import { TaskGroup } from '../src/task-group.ts';

async function* blocksOf<Item>(items: readonly Item[], size: number): AsyncGenerator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size)
    yield await Promise.resolve(items.slice(start, start + size));
}

describe('mergeJoin', () => {
  test('pairs equal paths and keeps the order, whatever the blocks', async () => {
    const paths = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 3 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        paths,
        paths,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (a, b, size, blockSize) => {
          const lefts = a.toSorted(compareUtf8).map((path) => ({ path }));
          const rights = b.toSorted(compareUtf8).map((path) => ({ path }));
          const blocks = await Array.fromAsync(
            mergeJoin(blocksOf(lefts, size), blocksOf(rights, 3), blockSize),
          );
          for (const block of blocks) expect(block.length).toBeLessThanOrEqual(blockSize);
          const joined = blocks.flat().map(({ left, right }) => [left?.path, right?.path]);
          const union = [...new Set([...a, ...b])].sort(compareUtf8);
          expect(joined).toEqual(
            union.map((path) => [a.includes(path) ? path : undefined, b.includes(path) ? path : undefined]),
          );
        },
      ),
    );
  });

  test('closes both sides when it is left', async () => {
    const closed: string[] = [];
    async function* side(name: string): AsyncGenerator<readonly { path: string }[]> {
      try {
        for (let index = 0; ; index++) yield await Promise.resolve([{ path: `${index}`.padStart(9, '0') }]);
      } finally {
        closed.push(name);
      }
    }
    for await (const block of mergeJoin(side('left'), side('right'), 2)) if (block.length > 0) break;
    expect(closed.sort()).toEqual(['left', 'right']);
  });
});

describe('mapOrdered', () => {
  test('keeps the order, with no more under way than allowed', async () => {
    let running = 0;
    let most = 0;
    const results = mapOrdered(blocksOf([5, 1, 4, 2, 3, 0], 1), {
      map: async ([item = 0]) => {
        most = Math.max(most, ++running);
        await sleep(item);
        running--;
        return item;
      },
      ahead: () => 3,
      signal: undefined,
    });
    expect(await Array.fromAsync(results)).toEqual([5, 1, 4, 2, 3, 0]);
    expect(most).toBe(3);
  });

  test('a failure is thrown in its place, after the others have settled', async () => {
    let settled = 0;
    const seen: number[] = [];
    const results = mapOrdered(blocksOf([1, 2, 3], 1), {
      map: async ([item = 0], signal) => {
        try {
          await sleep(item === 2 ? 1 : 20, undefined, { signal }).catch(() => undefined);
          if (item === 2) throw new Error('two');
          return item;
        } finally {
          settled++;
        }
      },
      ahead: () => 3,
      signal: undefined,
    });
    await expect(async () => {
      for await (const result of results) seen.push(result);
    }).rejects.toThrow('two');
    expect(seen).toEqual([1]);
    expect(settled).toBe(3);
  });
});

describe('TaskGroup', () => {
  test('runs at most so many at a time', async () => {
    let running = 0;
    let most = 0;
    await using group = new TaskGroup({ limit: () => 2, signal: undefined });
    for (let index = 0; index < 6; index++) {
      await group.start(async () => {
        most = Math.max(most, ++running);
        await sleep(2);
        running--;
      });
    }
    await group.finish();
    expect(most).toBe(2);
    expect(running).toBe(0);
  });

  test('the first failure stops the others and is thrown once all have settled', async () => {
    await using group = new TaskGroup({ limit: () => 5, signal: undefined });
    let stopped = 0;
    for (let index = 0; index < 3; index++) {
      await group.start(async (signal) => {
        await sleep(5_000, undefined, { signal }).catch(() => {
          stopped++;
          throw new Error('stopped');
        });
      });
    }
    await group.start(() => Promise.reject(new Error('first')));
    await expect(group.finish()).rejects.toThrow('first');
    expect(stopped).toBe(3);
    await expect(group.start(() => Promise.resolve())).rejects.toThrow('first');
  });

  test('disposed, it leaves nothing running', async () => {
    let running = 0;
    {
      await using group = new TaskGroup({ limit: () => 5, signal: undefined });
      await group.start(async (signal) => {
        running++;
        await sleep(5_000, undefined, { signal }).catch(() => undefined);
        running--;
      });
    }
    expect(running).toBe(0);
  });
});

describe('Channel', () => {
  test('hands every value over, the producer waiting for the consumer', async () => {
    await using channel = new Channel<number>();
    const pushed: number[] = [];
    const producer = (async () => {
      for (let value = 0; value < 5; value++) {
        await channel.push(value);
        pushed.push(value);
      }
      channel.close();
    })();
    const taken: number[] = [];
    for await (const value of channel) {
      await sleep(1);
      expect(pushed.length).toBeLessThanOrEqual(taken.length + 2);
      taken.push(value);
    }
    await producer;
    expect(taken).toEqual([0, 1, 2, 3, 4]);
  });

  test('a consumer that leaves does not hold the producer up', async () => {
    await using channel = new Channel<number>();
    const producer = (async () => {
      for (let value = 0; value < 5; value++) await channel.push(value);
    })();
    for await (const value of channel) if (value === 1) break;
    await producer;
    expect(await channel.next()).toEqual({ done: true, value: undefined });
  });
});
