import { ArtifactError, encodeNames, LIMITS } from '@waybill/core';
import { writeEntries } from './get-version.ts';
import { openManifest, scanVersion, type VersionManifest, verifyManifest } from './manifest-scan.ts';
import { mergeJoin } from './merge-join.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { prepareTarget } from './prepare-target.ts';
import { resolveVersion } from './resolve-version.ts';
import type { CheckoutRequest, CheckoutResult } from './results.ts';
import { treeFiles } from './tree-files.ts';

/**
 * Makes a folder exactly the version: what is not in it goes, links, special files and empty folders included, then
 * the rest is written as by {@link getVersion}. What a removed link points to is never touched.
 *
 * @throws ArtifactError `TARGET_CONFLICT` for a folder that holds something and was not made by a checkout, unless
 * `force` is set, and for one that {@link prepareTarget} refuses whatever is set; and as {@link getVersion}
 */
export async function checkoutVersion(
  ports: OperationPorts,
  request: CheckoutRequest,
  options: OperationOptions = {},
): Promise<CheckoutResult> {
  const version = await resolveVersion(ports, request.ref, options);
  const manifest = await openManifest(ports, version, options);
  const { root, empty } = await prepareTarget(ports, request.root, options);
  if (!empty && !request.force && !(await ports.checkouts.has(root))) {
    throw new ArtifactError(
      'TARGET_CONFLICT',
      `${root} is not empty and was not made by checkout, which would remove what is not in the version; choose another folder, or pass --force`,
      { details: { subject: root } },
    );
  }
  // Nothing may be removed on the word of a manifest that is not the version's.
  if (!empty) await verifyManifest(ports, manifest, options);
  ports.faults.reach('checkout.record');
  await ports.checkouts.add(root);
  const removed = empty ? NOTHING_REMOVED : await removeOthers(ports, { manifest, root }, options);
  const totals = await writeEntries(
    ports,
    { version, root, replace: !empty },
    { blocks: scanVersion(ports, manifest, options), complete: true, options },
  );
  return { version, root, ...totals, ...removed };
}

const NOTHING_REMOVED = { removed: 0, foldersRemoved: 0 } as const;

/** Removes everything that is not a file of the version, so that nothing is in the way of one. */
async function removeOthers(
  ports: OperationPorts,
  target: { manifest: VersionManifest; root: string },
  options: OperationOptions,
): Promise<{ removed: number; foldersRemoved: number }> {
  const { manifest, root } = target;
  let removed = 0;
  let names: string[] = [];
  const flush = async () => {
    if (names.length === 0) return;
    ports.faults.reach('checkout.remove');
    await ports.targets.removeFiles(root, encodeNames(names), options);
    removed += names.length;
    names = [];
    options.onProgress?.({
      step: 'remove',
      done: removed,
      total: undefined,
      bytesDone: 0,
      bytesTotal: undefined,
    });
  };
  const joined = mergeJoin(
    scanVersion(ports, manifest, options),
    treeFiles(ports, root, options),
    LIMITS.batchEntries,
  );
  for await (const block of joined) {
    for (const { left: entry, right: there } of block) {
      if (there !== undefined && (entry === undefined || there.kind !== 'file')) names.push(there.path);
    }
    if (names.length >= LIMITS.batchEntries) await flush();
  }
  await flush();
  ports.faults.reach('checkout.remove-folders');
  return { removed, foldersRemoved: await ports.targets.removeEmptyFolders(root, options) };
}
