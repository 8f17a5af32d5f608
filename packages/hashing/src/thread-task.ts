import { type MessagePort, threadId } from 'node:worker_threads';
import {
  ArtifactError,
  type EncodedError,
  encodeError,
  invariant,
  type ThreadTask,
  type ThreadTasks,
} from '@waybill/core';
import { PortCaller } from './port-calls.ts';

/** Words of the memory a task shares with the pool: whether it is to stop, and the id of its thread. */
export const STOP_WORD = 0;
export const THREAD_WORD = 1;
export const CONTROL_WORDS = 2;

/** What the pool sends to a thread. */
export interface TaskMessage {
  readonly input: unknown;
  readonly control: Int32Array<SharedArrayBuffer>;
  /** Where questions go; absent when nobody answers. */
  readonly port?: MessagePort;
}

export type TaskReply =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly error: EncodedError };

/** What a handler has beside its input. */
export interface TaskCall<T extends ThreadTask> {
  /** Looked at between steps; it changes while the thread is busy. Like an `AbortSignal`, without events. */
  readonly signal: { readonly aborted: boolean; throwIfAborted(): void };
  /** Asks the caller of `HashPool.run`. Fails with `INTERNAL` when it was given no `answer`. */
  ask(question: ThreadTasks[T]['question']): Promise<ThreadTasks[T]['answer']>;
}

/** An exported function of a thread module, as the pool calls it. */
export type ThreadEntry<T extends ThreadTask> = ((message: TaskMessage) => Promise<TaskReply>) & {
  /** Only for the compiler: which task this is. */
  readonly task?: T;
};

/**
 * Makes a handler into what a thread module exports under the name of its task. Errors become data, because an
 * `ArtifactError` thrown across threads would arrive as a plain `Error` without its code.
 */
export function threadTask<T extends ThreadTask>(
  handler: (
    input: ThreadTasks[T]['input'],
    call: TaskCall<T>,
  ) => ThreadTasks[T]['output'] | Promise<ThreadTasks[T]['output']>,
): ThreadEntry<T> {
  return async ({ input, control, port }) => {
    Atomics.store(control, THREAD_WORD, threadId);
    using questions =
      port === undefined
        ? undefined
        : new PortCaller<ThreadTasks[T]['question'], ThreadTasks[T]['answer']>(port);
    try {
      const call: TaskCall<T> = {
        signal: stopSignal(control),
        ask: async (question) => {
          invariant(questions !== undefined, 'hashing-task-answer', 'a task asked although nobody answers');
          return questions.call(question);
        },
      };
      // The pool only ever sends the input of this task.
      const output = await handler(input as ThreadTasks[T]['input'], call);
      return { ok: true, output };
    } catch (error) {
      return { ok: false, error: encodeError(error) };
    }
  };
}

function stopSignal(control: Int32Array<SharedArrayBuffer>): TaskCall<never>['signal'] {
  const aborted = (): boolean => Atomics.load(control, STOP_WORD) !== 0;
  return {
    get aborted() {
      return aborted();
    },
    throwIfAborted() {
      if (aborted()) throw new ArtifactError('CANCELLED', 'cancelled before it was finished');
    },
  };
}
