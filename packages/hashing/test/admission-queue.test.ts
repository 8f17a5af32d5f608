import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AdmissionQueue } from '../src/admission-queue.ts';

test('never more inside than the limit of the moment, in order, and everybody gets in', async () => {
  const step = fc.oneof(
    fc.constant('enter' as const),
    fc.constant('leave' as const),
    fc.record({ limit: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ cancel: fc.nat(20) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      let limit = 2;
      const queue = new AdmissionQueue(() => limit);
      const controllers: AbortController[] = [];
      const admitted: number[] = [];
      const cancelled = new Set<number>();
      let inside = 0;
      const enter = async (visitor: number, signal: AbortSignal): Promise<void> => {
        try {
          await queue.enter(signal);
        } catch {
          cancelled.add(visitor);
          return;
        }
        inside++;
        admitted.push(visitor);
      };
      for (const action of steps) {
        if (action === 'enter') {
          const controller = new AbortController();
          void enter(controllers.push(controller) - 1, controller.signal);
        } else if (action === 'leave') {
          if (inside > 0) {
            inside--;
            queue.leave();
          }
        } else if ('limit' in action) {
          limit = Math.max(limit, action.limit);
        } else controllers[action.cancel]?.abort();
        await new Promise(setImmediate);
        expect(inside).toBeLessThanOrEqual(limit);
      }
      while (inside > 0) {
        inside--;
        queue.leave();
        await new Promise(setImmediate);
      }
      expect(admitted).toEqual(admitted.toSorted((a, b) => a - b));
      expect(admitted.length + cancelled.size).toBe(controllers.length);
    }),
    { numRuns: 60 },
  );
});
