import type { ThreadTasks } from '@waybill/core';
import { checkObject } from './check-object.ts';
import { compareFiles } from './compare-files.ts';
import { copyReferences } from './copy-references.ts';
import type { OperationThreadPorts, StopSignal } from './operation-thread-ports.ts';
import { readReference } from './read-reference.ts';
import { writeFiles } from './write-files.ts';

export type OperationTaskName =
  | 'writeFiles'
  | 'copyReferences'
  | 'compareFiles'
  | 'checkObject'
  | 'readReference';

/** What a running task has beside its input. */
export interface TaskContext<Question, Answer> {
  /** Looked at between steps. */
  readonly signal: StopSignal;
  /** Asks the main thread. */
  ask(question: Question): Promise<Answer>;
}

/** Handlers for the pool's threads, by task name. */
export type OperationTasks = {
  readonly [T in OperationTaskName]: (
    input: ThreadTasks[T]['input'],
    context: TaskContext<ThreadTasks[T]['question'], ThreadTasks[T]['answer']>,
  ) => Promise<ThreadTasks[T]['output']>;
};

/** The thread side of the use cases. One for each thread: the hasher's memory is used by one task at a time. */
export function createOperationTasks(ports: OperationThreadPorts): OperationTasks {
  return {
    writeFiles: (input, { signal }) => writeFiles({ ...ports, signal }, input),
    copyReferences: (input, { signal }) => Promise.try(() => copyReferences({ ...ports, signal }, input)),
    compareFiles: (input, { signal }) => Promise.try(() => compareFiles({ ...ports, signal }, input)),
    checkObject: (input, { signal }) => checkObject({ ...ports, signal }, input),
    readReference: (input, call) =>
      readReference({ ...ports, signal: call.signal }, input, (question) => call.ask(question)),
  };
}
