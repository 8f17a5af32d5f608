import { ArtifactError, quotePath } from '@waybill/core';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';

/**
 * Makes the folder a version is to be written into; answers its real path and whether it holds anything.
 * @throws ArtifactError `TARGET_CONFLICT` for a folder that is, holds or lies in one of Waybill's own: files of a version
 * would replace those of catalog and store, and a checkout would remove them; `INVALID_ARGUMENT` for a file
 */
export async function prepareTarget(
  ports: Pick<OperationPorts, 'targets' | 'ownFolders'>,
  root: string,
  options: OperationOptions,
): Promise<{ root: string; empty: boolean }> {
  // Before it is made: what is refused leaves no empty folder behind.
  const located = await ports.targets.locate(root, options);
  const own = ports.ownFolders.find((folder) => isWithin(folder, located) || isWithin(located, folder));
  if (own !== undefined) throw ownFolder(located, own);
  return ports.targets.prepare(root, options);
}

/** Whether a path is the folder or lies below it. */
function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

function ownFolder(root: string, own: string): ArtifactError {
  const relation = root === own ? 'is' : isWithin(own, root) ? 'lies in' : 'holds';
  return new ArtifactError(
    'TARGET_CONFLICT',
    `${quotePath(root)} ${relation} ${quotePath(own)}, where Waybill keeps its catalog or store, which must not be written over; choose another folder`,
    { details: { subject: root, ownFolder: own } },
  );
}
