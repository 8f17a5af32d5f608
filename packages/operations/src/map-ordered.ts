import { throwIfCancelled } from '@waybill/core';

/**
 * Maps items with several calls under way and yields the results in the order of the items. At most `ahead()` results
 * wait. Left early or failed, it waits for the calls it started.
 */
export async function* mapOrdered<Item, Result>(
  items: AsyncIterable<Item>,
  options: {
    map: (item: Item, signal: AbortSignal) => Promise<Result>;
    ahead: () => number;
    signal: AbortSignal | undefined;
  },
): AsyncGenerator<Result> {
  const controller = new AbortController();
  const signal =
    options.signal === undefined ? controller.signal : AbortSignal.any([options.signal, controller.signal]);
  const waiting: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      throwIfCancelled(options.signal);
      const result = options.map(item, signal);
      // Whoever takes it sees the rejection; until then it must not count as unhandled.
      result.catch(() => undefined);
      waiting.push(result);
      if (waiting.length >= Math.max(1, options.ahead())) yield* takeFirst(waiting);
    }
    while (waiting.length > 0) yield* takeFirst(waiting);
  } finally {
    controller.abort();
    await Promise.allSettled(waiting);
  }
}

async function* takeFirst<Result>(waiting: Promise<Result>[]): AsyncGenerator<Result> {
  const first = waiting.shift();
  if (first !== undefined) yield await first;
}
