import { decodeNames, type FileFailure, type WriteFilesInput, type WriteFilesOutput } from '@waybill/core';
import type { TaskPorts } from './operation-thread-ports.ts';
import { StoredContents } from './stored-contents.ts';
import { failureOf } from './task-failure.ts';

/** Writes files from stored blobs. A file appears under its name only when its bytes were right. */
export async function writeFiles(ports: TaskPorts, input: WriteFilesInput): Promise<WriteFilesOutput> {
  using root = ports.targets.openRoot(input.root);
  const { replace } = input;
  const failures: FileFailure[] = [];
  let written = 0;
  let bytes = 0;
  const contents = new StoredContents<string>(ports, input.algorithm, {
    small(path, content) {
      root.writeFile(path, [content], { replace });
      written++;
      bytes += content.length;
    },
    large(path) {
      const file = root.createFile(path, { replace });
      return {
        write(chunk) {
          file.write(chunk);
          bytes += chunk.length;
        },
        commit() {
          file.commit();
          written++;
        },
        [Symbol.dispose]: () => file[Symbol.dispose](),
      };
    },
    failed(path, error) {
      failures.push(failureOf(path, error));
    },
  });
  const objects = input.objects.map(({ key, names, blobs }) => {
    const paths = decodeNames(names);
    return { key, blobs, tagOf: (row: number) => paths[row] ?? '' };
  });
  await contents.visit(objects);
  return { written, bytes, failures };
}
