// The thread module of the pool's tests. The tasks are those of the product in name only.
import { threadId, workerData } from 'node:worker_threads';
import { ArtifactError } from '@waybill/core';
import { HashPermits } from '../src/hash-permits.ts';
import { type ThreadEntry, threadTask } from '../src/thread-task.ts';

const permits = HashPermits.attach(workerData as SharedArrayBuffer);

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export const walk: ThreadEntry<'walk'> = threadTask(async (input, call) => {
  switch (input['do']) {
    case 'id':
      return { threadId };
    case 'sleep':
      sleep(Number(input['ms']));
      return { threadId };
    case 'spin':
      spin(Number(input['ms']));
      return { threadId };
    case 'throw':
      throw new ArtifactError('NO_SPACE', 'the disk is full', {
        details: { subject: '/data' },
        cause: new ArtifactError('IO', 'write failed'),
      });
    case 'throw foreign':
      throw new TypeError('not a function');
    case 'until cancelled':
      for (;;) {
        call.signal.throwIfAborted();
        sleep(1);
      }
    case 'ignore cancelling':
      permits.acquire();
      for (;;) sleep(1);
    case 'exit':
      permits.acquire();
      return process.exit(1);
    case 'count together': {
      // Adds one and takes it back, both in steps that two threads at a time would mix up.
      const counter = new Int32Array(input['counter'] as SharedArrayBuffer);
      let mixedUp = 0;
      for (let i = 0; i < 200; i++) {
        permits.acquire();
        if (Atomics.add(counter, 0, 1) >= permits.count) mixedUp++;
        spin(0.05);
        Atomics.sub(counter, 0, 1);
        permits.release();
      }
      return { mixedUp };
    }
    default:
      return {};
  }
});

/** Asks for as many bytes as its path says, all questions at once, and adds up the first byte of each answer's bytes. */
export const readReference: ThreadEntry<'readReference'> = threadTask(async (input, call) => {
  const ask = async (index: number): Promise<number> => {
    await call.ask({ kind: 'chunk', bytes: Uint8Array.of(index) });
    return index;
  };
  const answers = await Promise.all(Array.from({ length: Number(input.path) }, (_, index) => ask(index)));
  return { bytes: answers.reduce((sum, value) => sum + value, 0) };
});
