import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AimdLimiter, type Permit } from '../src/aimd-limiter.ts';

async function isWaiting(promise: Promise<unknown>): Promise<boolean> {
  return (
    (await Promise.race([promise, new Promise((resolve) => setImmediate(() => resolve('waiting')))])) ===
    'waiting'
  );
}

describe('the limiter', () => {
  test('gives out as many permits as its limit, first come, first served', async () => {
    const limiter = new AimdLimiter({ start: 2, max: 8 });
    const one = await limiter.acquire(undefined);
    await limiter.acquire(undefined);
    const third = limiter.acquire(undefined);
    const fourth = limiter.acquire(undefined);
    expect(await isWaiting(third)).toBe(true);
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    expect(await isWaiting(third)).toBe(false);
    expect(await isWaiting(fourth)).toBe(true);
  });

  test('halves once for all that were in flight, and grows again', async () => {
    const limiter = new AimdLimiter({ start: 16, max: 20 });
    const permits: Permit[] = [];
    for (let count = 0; count < 16; count++) permits.push(await limiter.acquire(undefined));
    for (const permit of permits) permit.overloaded();
    expect(limiter.limit).toBe(8);
    for (const permit of permits) permit[Symbol.dispose]();
    for (let count = 0; count < 1_000; count++) {
      using permit = await limiter.acquire(undefined);
      permit.succeeded();
    }
    expect(limiter.limit).toBe(20);
    for (let count = 0; count < 10; count++) {
      using permit = await limiter.acquire(undefined);
      permit.overloaded();
    }
    expect(limiter.limit).toBe(1);
  });

  test('lets go who is cancelled, and nobody else', async () => {
    const limiter = new AimdLimiter({ start: 1, max: 1 });
    const first = await limiter.acquire(undefined);
    const cancelling = new AbortController();
    const second = limiter.acquire(cancelling.signal);
    const third = limiter.acquire(undefined);
    cancelling.abort();
    await expect(second).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(limiter.acquire(AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    first[Symbol.dispose]();
    expect(await isWaiting(third)).toBe(false);
  });

  test('never has more in flight than the limit was, and forgets nobody', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('ok', 'overloaded'), { maxLength: 60 }), async (ends) => {
        const limiter = new AimdLimiter({ start: 4, max: 6 });
        let inFlight = 0;
        await Promise.all(
          ends.map(async (end) => {
            using permit = await limiter.acquire(undefined);
            inFlight++;
            expect(inFlight).toBeLessThanOrEqual(6);
            await new Promise((resolve) => setImmediate(resolve));
            inFlight--;
            if (end === 'ok') permit.succeeded();
            else permit.overloaded();
          }),
        );
        expect(limiter.limit).toBeGreaterThanOrEqual(1);
      }),
      { verbose: 1 },
    );
  });
});
