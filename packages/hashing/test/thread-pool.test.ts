import { setTimeout as sleep } from 'node:timers/promises';
import { ArtifactError, type HashPool } from '@waybill/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HashPermits, processorCount } from '../src/hash-permits.ts';
import { createThreadPool, type ThreadPoolOptions } from '../src/thread-pool.ts';

async function startPool(
  options: Partial<ThreadPoolOptions> & { permitCount?: number } = {},
): Promise<{ pool: HashPool; permits: HashPermits }> {
  const permits = HashPermits.create(options.permitCount ?? 1);
  const pool = await createThreadPool({
    filename: new URL('./pool-thread.ts', import.meta.url),
    workerData: permits.shared,
    permits,
    threads: 2,
    maxThreads: 2,
    ...options,
  });
  onTestFinished(() => pool[Symbol.asyncDispose]());
  return { pool, permits };
}

async function failureOf(promise: Promise<unknown>): Promise<ArtifactError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ArtifactError)) throw new Error('expected an ArtifactError', { cause: error });
  return error;
}

describe('tasks', () => {
  test('run in other threads, as many at a time as there are', async () => {
    const { pool } = await startPool();
    const outputs = await Promise.all(
      Array.from({ length: 8 }, () => pool.run('walk', { do: 'sleep', ms: 30 })),
    );
    const threads = new Set(outputs.map(({ threadId }) => threadId));
    expect(threads.size).toBe(2);
    expect(threads.has(0)).toBe(false);
  });

  test('errors arrive with code, message, details, cause and the stack of the thread', async () => {
    const { pool } = await startPool();
    const error = await failureOf(pool.run('walk', { do: 'throw' }));
    expect(error).toMatchObject({
      code: 'NO_SPACE',
      message: 'the disk is full',
      details: { subject: '/data' },
      retryable: true,
    });
    expect(error.cause).toMatchObject({ code: 'IO', message: 'write failed' });
    expect(error.stack).toContain('pool-thread.ts');
    const foreign = await failureOf(pool.run('walk', { do: 'throw foreign' }));
    expect(foreign).toMatchObject({ code: 'INTERNAL', message: 'not a function' });
  });

  test('a thread that dies fails its task, gives up its permit and is replaced', async () => {
    const { pool, permits } = await startPool({ threads: 1, maxThreads: 1 });
    const error = await failureOf(pool.run('walk', { do: 'exit' }));
    expect(error.code).toBe('INTERNAL');
    expect(error.message).toContain('walk');
    expect(permits.free).toBe(1);
    expect(await pool.run('walk', { do: 'id' })).toHaveProperty('threadId');
  });

  test('by default there is a thread for each processor, and room for eight readers', async () => {
    const permits = HashPermits.create();
    const pool = await createThreadPool({
      filename: new URL('./pool-thread.ts', import.meta.url),
      workerData: permits.shared,
    });
    onTestFinished(() => pool[Symbol.asyncDispose]());
    expect(pool.cpus).toBe(processorCount());
    expect(pool.concurrency).toBe(processorCount());
    expect(permits.count).toBe(processorCount());
  });
});

describe('questions', () => {
  test('are answered in mid-task, several at a time', async () => {
    const { pool } = await startPool();
    let open = 0;
    let openMost = 0;
    const output = await pool.run(
      'readReference',
      { path: '20' },
      {
        answer: async (question) => {
          expect(question.bytes).toHaveLength(1);
          openMost = Math.max(openMost, ++open);
          await sleep(2);
          open--;
          return { kind: 'next' };
        },
      },
    );
    expect(output.bytes).toBe(190);
    expect(openMost).toBeGreaterThan(1);
  });

  test('an error of the answer is thrown where it was asked, and comes back', async () => {
    const { pool } = await startPool();
    const error = await failureOf(
      pool.run(
        'readReference',
        { path: '1' },
        { answer: () => Promise.reject(new ArtifactError('MISSING_BLOB', 'it is not there')) },
      ),
    );
    expect(error).toMatchObject({ code: 'MISSING_BLOB', message: 'it is not there' });
  });

  test('nobody answers', async () => {
    const { pool } = await startPool();
    const error = await failureOf(pool.run('readReference', { path: '1' }));
    expect(error.message).toContain('hashing-task-answer');
  });
});

describe('cancelling', () => {
  test('a running task notices and ends; its thread lives on', async () => {
    const { pool } = await startPool({ threads: 1, maxThreads: 1 });
    const before = await pool.run('walk', { do: 'id' });
    const controller = new AbortController();
    const running = pool.run('walk', { do: 'until cancelled' }, { signal: controller.signal });
    await sleep(20);
    controller.abort();
    expect((await failureOf(running)).code).toBe('CANCELLED');
    expect(await pool.run('walk', { do: 'id' })).toEqual(before);
  });

  test('a task that does not notice is ended with its thread, and its permit comes back', async () => {
    const { pool, permits } = await startPool({ threads: 1, maxThreads: 1, cancelGraceMs: 30 });
    const before = await pool.run('walk', { do: 'id' });
    const controller = new AbortController();
    const running = pool.run('walk', { do: 'ignore cancelling' }, { signal: controller.signal });
    await sleep(50);
    expect(permits.free).toBe(0);
    controller.abort();
    expect((await failureOf(running)).code).toBe('CANCELLED');
    expect(permits.free).toBe(1);
    expect(await pool.run('walk', { do: 'id' })).not.toEqual(before);
  });

  test('a waiting task never starts; those behind it do', async () => {
    const { pool } = await startPool({ threads: 1, maxThreads: 1 });
    const first = pool.run('walk', { do: 'sleep', ms: 60 });
    const controller = new AbortController();
    const second = pool.run('walk', { do: 'exit' }, { signal: controller.signal });
    const third = pool.run('walk', { do: 'id' });
    controller.abort();
    expect((await failureOf(second)).code).toBe('CANCELLED');
    expect(await third).toEqual(await first);
  });

  test('an aborted signal starts nothing, and an ArtifactError as reason is what is thrown', async () => {
    const { pool } = await startPool();
    const reason = new ArtifactError('BUSY', 'somebody else has it');
    const run = pool.run('walk', { do: 'exit' }, { signal: AbortSignal.abort(reason) });
    expect(await failureOf(run)).toBe(reason);
  });

  test('closing cancels what runs and what waits', async () => {
    const { pool } = await startPool({ threads: 1, maxThreads: 1 });
    const running = failureOf(pool.run('walk', { do: 'until cancelled' }));
    const waiting = failureOf(pool.run('walk', { do: 'id' }));
    await sleep(20);
    await pool[Symbol.asyncDispose]();
    expect((await running).code).toBe('CANCELLED');
    expect((await waiting).code).toBe('CANCELLED');
    expect((await failureOf(pool.run('walk', { do: 'id' }))).code).toBe('CANCELLED');
  });
});

describe('the number of threads', () => {
  async function load(pool: HashPool, input: Record<string, unknown>): Promise<number> {
    const outputs = await Promise.all(Array.from({ length: 60 }, () => pool.run('walk', input)));
    return new Set(outputs.map(({ threadId }) => threadId)).size;
  }

  test('grows to the most when tasks wait', async () => {
    const { pool } = await startPool({ threads: 1, maxThreads: 6 });
    expect(pool.concurrency).toBe(1);
    // Once is enough on a machine that is not busy with other things.
    const deadline = performance.now() + 15_000;
    while (pool.concurrency < 6 && performance.now() < deadline) await load(pool, { do: 'sleep', ms: 20 });
    expect(pool.concurrency).toBe(6);
    expect(await load(pool, { do: 'sleep', ms: 20 })).toBe(6);
  });

  test('stays when tasks compute', async () => {
    const { pool } = await startPool({ threads: 1, maxThreads: 6 });
    expect(await load(pool, { do: 'spin', ms: 4 })).toBe(1);
    expect(pool.concurrency).toBe(1);
  });

  test('stays when tasks wait for answers: more threads would wait for the same', async () => {
    const { pool } = await startPool({ threads: 1, maxThreads: 6 });
    const answer = async (): Promise<{ kind: 'next' }> => {
      await sleep(20);
      return { kind: 'next' };
    };
    await Promise.all(Array.from({ length: 10 }, () => pool.run('readReference', { path: '1' }, { answer })));
    expect(pool.concurrency).toBe(1);
  });
});

test('no more threads hold a permit than there are', async () => {
  const { pool, permits } = await startPool({ threads: 4, maxThreads: 4, permitCount: 2 });
  const counter = new SharedArrayBuffer(4);
  const outputs = await Promise.all(
    Array.from({ length: 4 }, () => pool.run('walk', { do: 'count together', counter })),
  );
  expect(outputs.map(({ mixedUp }) => mixedUp)).toEqual([0, 0, 0, 0]);
  expect(permits.free).toBe(2);
});
