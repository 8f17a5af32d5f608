import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { WalkInput, WalkOutput } from '@waybill/core';
import { type RunWalk, walkInThread } from '../src/index.ts';

/** As many threads as asked for that run walk tasks, in turn. */
export class WalkThreads implements AsyncDisposable {
  readonly #idle: Worker[];
  readonly #workers: readonly Worker[];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  constructor(count: number) {
    this.#workers = Array.from({ length: count }, () => new Worker(new URL(import.meta.url)));
    this.#idle = [...this.#workers];
  }

  readonly run: RunWalk = async (input) => {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    worker.postMessage(input);
    const [output] = (await once(worker, 'message')) as [WalkOutput];
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
    return output;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

if (!isMainThread) {
  parentPort?.on('message', (input: WalkInput) => parentPort?.postMessage(walkInThread(input)));
}
