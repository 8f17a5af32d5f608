import type { ThreadTasks } from '@waybill/core';
import { checkObject } from './check-object.ts';
import { compareFiles } from './compare-files.ts';
import { copyReferences } from './copy-references.ts';
import type { OperationThreadPorts } from './operation-thread-ports.ts';
import { readReference } from './read-reference.ts';
import { writeFiles } from './write-files.ts';

export type OperationTaskName =
  | 'writeFiles'
  | 'copyReferences'
  | 'compareFiles'
  | 'checkObject'
  | 'readReference';

/** How a running task asks the main thread. */
export interface TaskContext<Question, Answer> {
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
    writeFiles: (input) => writeFiles(ports, input),
    copyReferences: (input) => Promise.try(() => copyReferences(ports, input)),
    compareFiles: (input) => Promise.try(() => compareFiles(ports, input)),
    checkObject: (input) => checkObject(ports, input),
    readReference: (input, context) => readReference(ports, input, (question) => context.ask(question)),
  };
}
