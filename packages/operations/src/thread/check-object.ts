import type { CheckObjectInput, CheckObjectOutput } from '@waybill/core';
import type { TaskPorts } from './operation-thread-ports.ts';
import { StoredContents } from './stored-contents.ts';

const RIGHT = 1;

/** Reads every blob of a stored object back and hashes it. */
export async function checkObject(ports: TaskPorts, input: CheckObjectInput): Promise<CheckObjectOutput> {
  const right = new Uint8Array(input.blobs.lengths.length);
  const contents = new StoredContents<number>(ports, input.algorithm, {
    small(row) {
      right[row] = RIGHT;
    },
    large: (row) => ({
      write: () => undefined,
      commit() {
        right[row] = RIGHT;
      },
      [Symbol.dispose]: () => undefined,
    }),
    failed: () => undefined,
  });
  await contents.visit([{ key: input.key, blobs: input.blobs, tagOf: (row) => row }]);
  return { right };
}
