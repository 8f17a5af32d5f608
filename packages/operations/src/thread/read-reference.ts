import type { ReadReferenceInput, ThreadTasks } from '@waybill/core';
import { openReference } from './open-reference.ts';
import type { TaskPorts } from './operation-thread-ports.ts';

const CHUNK_BYTES = 1_048_576;

type Task = ThreadTasks['readReference'];

/** Sends a local file to the main thread, chunk by chunk; each waits until the one before was taken. */
export async function readReference(
  ports: Pick<TaskPorts, 'files' | 'signal'>,
  input: ReadReferenceInput,
  ask: (question: Task['question']) => Promise<Task['answer']>,
): Promise<Task['output']> {
  using file = openReference(ports, input.path);
  const buffer = new Uint8Array(CHUNK_BYTES);
  let bytes = 0;
  for (;;) {
    ports.signal.throwIfAborted();
    const length = file.read(buffer);
    if (length === 0) return { bytes };
    bytes += length;
    await ask({ kind: 'chunk', bytes: buffer.slice(0, length) });
  }
}
