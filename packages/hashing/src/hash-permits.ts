import { availableParallelism } from 'node:os';
import { threadId } from 'node:worker_threads';
import { invariant } from '@waybill/core';

/** Words of the shared memory: a counter that changes with every release, then the holder of each permit. */
const RELEASES = 0;
const FIRST_PERMIT = 1;
/** A permit nobody holds; a holder is its thread id + 1. */
const NOBODY = 0;

/**
 * How many processors this process may use: what a pool of busy threads should be sized by. libuv counts the CPUs of the
 * affinity mask and, since 1.49, the CPU quota of the cgroup (Node 26 has a newer one), so that a container limited to
 * two CPUs of a large machine gets two.
 */
export function processorCount(): number {
  return availableParallelism();
}

/**
 * A semaphore for threads: more threads read than there are processors, but no more than `count` hash at a time.
 * A permit belongs to the thread that took it, so that those of a thread that died can be taken back.
 */
export class HashPermits {
  /** Hand this to other threads (`workerData`) and {@link HashPermits.attach} it there. */
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;

  private constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
  }

  static create(count: number = processorCount()): HashPermits {
    invariant(
      Number.isInteger(count) && count > 0,
      'hashing-permit-count',
      'there must be at least one permit',
    );
    const words = FIRST_PERMIT + count;
    return new HashPermits(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
  }

  static attach(shared: SharedArrayBuffer): HashPermits {
    return new HashPermits(shared);
  }

  get count(): number {
    return this.#words.length - FIRST_PERMIT;
  }

  /** Permits that nobody holds at the moment. */
  get free(): number {
    let free = 0;
    for (let i = FIRST_PERMIT; i < this.#words.length; i++) {
      if (Atomics.load(this.#words, i) === NOBODY) free++;
    }
    return free;
  }

  /** Takes a permit, blocking the thread until there is one. Not for the main thread of a program with a user. */
  acquire(): void {
    // The counter is read before the permits: a release in between makes the wait return at once.
    let releases = Atomics.load(this.#words, RELEASES);
    if (this.#take()) return;
    do {
      Atomics.wait(this.#words, RELEASES, releases);
      releases = Atomics.load(this.#words, RELEASES);
    } while (!this.#take());
  }

  /** Gives back a permit of this thread. */
  release(): void {
    invariant(
      this.#giveBack(threadId) > 0,
      'hashing-permit-release',
      'a permit was released that was not held',
    );
  }

  /** Takes back what a thread that ended still held. Returns how many permits that were. */
  reclaim(deadThreadId: number): number {
    let reclaimed = 0;
    while (this.#giveBack(deadThreadId) > 0) reclaimed++;
    return reclaimed;
  }

  #take(): boolean {
    for (let i = FIRST_PERMIT; i < this.#words.length; i++) {
      if (Atomics.compareExchange(this.#words, i, NOBODY, threadId + 1) === NOBODY) return true;
    }
    return false;
  }

  #giveBack(holder: number): number {
    for (let i = FIRST_PERMIT; i < this.#words.length; i++) {
      if (Atomics.compareExchange(this.#words, i, holder + 1, NOBODY) !== holder + 1) continue;
      Atomics.add(this.#words, RELEASES, 1);
      Atomics.notify(this.#words, RELEASES, 1);
      return 1;
    }
    return 0;
  }
}
