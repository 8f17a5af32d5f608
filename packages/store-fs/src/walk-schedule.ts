import { LIMITS, type WalkInput, type WalkOutput } from '@waybill/core';
import { asWalkAnswer, type WalkAnswer, type WalkRequest, type WalkSlice } from './walk-request.ts';

/** Names of the first task: few, so that the others have something to do soon. */
const FIRST_TASK_NAMES = 2_000;

/** Runs a walk task in a thread. */
export type RunWalk = (input: WalkInput, options: { signal?: AbortSignal }) => Promise<WalkOutput>;

/** A slice in the order of paths: waiting, being walked, or walked and waiting for the consumer. */
interface Node {
  readonly slice: WalkSlice;
  next: Node | undefined;
  walking: Promise<void> | undefined;
  answer: WalkAnswer | undefined;
  error: unknown;
}

/**
 * Walks the slices of a tree in threads and answers in path order. What is left of a slice takes its place in the
 * list. Tasks are started from the front on; names found ahead of the consumer are bounded.
 */
export class WalkSchedule {
  readonly #run: RunWalk;
  readonly #request: Omit<WalkRequest, 'slice'>;
  readonly #signal: AbortSignal | undefined;
  #head: Node | undefined;
  #tasks = 0;
  #namesAhead = 0;
  #first = true;
  #stopped = false;

  constructor(walk: { run: RunWalk; request: WalkRequest; signal: AbortSignal | undefined }) {
    const { slice, ...request } = walk.request;
    this.#run = walk.run;
    this.#request = request;
    this.#signal = walk.signal;
    this.#head = newNode(slice, undefined);
  }

  /** The answer to the first slice, `undefined` when the walk is done. Throws what a task threw. */
  async next(): Promise<WalkAnswer | undefined> {
    const head = this.#head;
    if (head === undefined) return undefined;
    this.#startTasks();
    await head.walking;
    if (head.answer === undefined) throw head.error;
    this.#head = head.next;
    this.#namesAhead -= weightOf(head.answer);
    this.#startTasks();
    return head.answer;
  }

  /** Starts no more tasks and waits for those under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (let node = this.#head; node !== undefined; node = node.next) await node.walking;
  }

  #startTasks(): void {
    const namesMax = LIMITS.walkAhead * this.#request.limits.walkNames;
    for (let node = this.#head; node !== undefined; node = node.next) {
      if (this.#stopped || this.#tasks >= LIMITS.walkAhead) return;
      // The first slice is what the consumer waits for, however much is walked behind it.
      if (node !== this.#head && this.#namesAhead >= namesMax) return;
      if (node.walking === undefined) node.walking = this.#walk(node);
    }
  }

  async #walk(node: Node): Promise<void> {
    this.#tasks++;
    const { limits } = this.#request;
    const walkNames = this.#first ? Math.min(FIRST_TASK_NAMES, limits.walkNames) : limits.walkNames;
    this.#first = false;
    const request: WalkRequest = { ...this.#request, limits: { ...limits, walkNames }, slice: node.slice };
    try {
      const options = this.#signal === undefined ? {} : { signal: this.#signal };
      const answer = asWalkAnswer(await this.#run(request, options));
      node.answer = answer;
      for (const slice of answer.rest.toReversed()) node.next = newNode(slice, node.next);
      this.#namesAhead += weightOf(answer);
    } catch (error) {
      // Thrown when the consumer gets there: what lies before it is sound.
      node.error = error;
    }
    this.#tasks--;
    this.#startTasks();
  }
}

function newNode(slice: WalkSlice, next: Node | undefined): Node {
  return { slice, next, walking: undefined, answer: undefined, error: undefined };
}

/** What an answer takes of the names allowed ahead; notices are as large as names, and an empty one is not nothing. */
function weightOf(answer: WalkAnswer): number {
  const names = answer.chunks.reduce((sum, { count }) => sum + count, 0);
  return names + answer.notices.length + 100;
}
