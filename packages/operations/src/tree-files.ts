import { ArtifactError, compareUtf8, quotePath, type TreeEntry } from '@waybill/core';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';

/**
 * Files, links and special files below a folder in path order. Folders that hold nothing are passed over: no version
 * knows of them, and where one stands in the place of a file, that file is missing.
 */
export async function* treeFiles(
  ports: Pick<OperationPorts, 'targets'>,
  root: string,
  options: OperationOptions,
): AsyncGenerator<readonly TreeEntry[]> {
  let before: string | undefined;
  for await (const block of ports.targets.walk(root, options)) {
    const files = block.filter(({ kind }) => kind !== 'folder');
    for (const { path } of files) {
      if (before !== undefined && compareUtf8(before, path) >= 0) throw changedUnderway(root, path);
      before = path;
    }
    if (files.length > 0) yield files;
  }
}

/** A walk of a folder at rest ascends. */
function changedUnderway(root: string, path: string): ArtifactError {
  return new ArtifactError(
    'BUSY',
    `${root} changes while it is read (${quotePath(path)} appeared twice); run the command again when it is at rest`,
    { details: { subject: root, path } },
  );
}
