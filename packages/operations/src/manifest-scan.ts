import {
  ArtifactError,
  compareUtf8,
  digestToHex,
  type Entry,
  entryPathProblem,
  MANIFEST_PREIMAGE_HEADER,
  type ManifestReader,
  manifestPreimageLines,
  quotePath,
  type VersionRecord,
} from '@waybill/core';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { versionName } from './resolve-version.ts';

type ManifestPorts = Pick<OperationPorts, 'store' | 'manifests'>;

/** A version's manifest, open for reading. Blocks it yields are checked: valid paths, in ascending order. */
export interface VersionManifest {
  readonly version: VersionRecord;
  readonly reader: ManifestReader;
}

/** @throws ArtifactError `CORRUPT`, `MISSING_BLOB`, naming the version and the manifest */
export async function openManifest(
  ports: ManifestPorts,
  version: VersionRecord,
  options: OperationOptions = {},
): Promise<VersionManifest> {
  const { manifest } = version;
  const object = {
    sizeBytes: manifest.sizeBytes,
    name: `${manifest.key} of ${versionName(version)}`,
    readRange: (range: { offset: number; length: number }, call = options) =>
      ports.store.readRange(manifest.key, range, call),
  };
  try {
    return { version, reader: await ports.manifests.openManifest(object, manifest, options) };
  } catch (error) {
    throw manifestError(version, error);
  }
}

export interface ScanRange {
  readonly from?: string;
  readonly prefix?: string;
  /** The paths are only compared, never written to: that they ascend is all that matters. */
  readonly onlyOrder?: boolean;
}

/**
 * Entries in path order. Each path is greater than the one before, and one that may be written below a folder.
 * @throws ArtifactError `CORRUPT` naming version and path
 */
export async function* scanEntries(
  manifest: VersionManifest,
  range: ScanRange,
  options: OperationOptions = {},
): AsyncGenerator<readonly Entry[]> {
  const { version } = manifest;
  let before: string | undefined;
  const blocks = manifest.reader.scan(range, options)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await nextBlock(version, blocks);
      if (step.done === true) return;
      const block = step.value;
      for (const { path } of block) {
        if (before !== undefined && compareUtf8(before, path) >= 0) {
          throw corruptManifest(version, `has ${quotePath(path)} behind ${quotePath(before)}`);
        }
        before = path;
      }
      if (range.onlyOrder !== true) checkPaths(version, block);
      if (block.length > 0) yield block;
    }
  } finally {
    await blocks.return?.();
  }
}

/**
 * Every entry in path order, as {@link scanEntries}; the end is reached only if the entries are the version's: as many
 * as recorded, and with its logical digest.
 * @throws ArtifactError `CORRUPT`
 */
export async function* scanVersion(
  ports: Pick<OperationPorts, 'digests'>,
  manifest: VersionManifest,
  options: OperationOptions = {},
): AsyncGenerator<readonly Entry[]> {
  const { version } = manifest;
  const digest = ports.digests.createDigest(version.digestAlgorithm);
  digest.update(MANIFEST_PREIMAGE_HEADER);
  let count = 0;
  for await (const block of scanEntries(manifest, {}, options)) {
    digest.update(manifestPreimageLines(block));
    count += block.length;
    yield block;
  }
  const found = digestToHex(digest.digest());
  if (found !== version.digest) {
    throw corruptManifest(version, `has the digest ${found} instead of ${version.digest}`);
  }
  if (count !== version.entryCount) {
    throw corruptManifest(version, `has ${count} entries instead of ${version.entryCount}`);
  }
}

/** Reads the whole manifest for nothing but to know that it is right. */
export async function verifyManifest(
  ports: Pick<OperationPorts, 'digests'>,
  manifest: VersionManifest,
  options: OperationOptions = {},
): Promise<void> {
  for await (const block of scanVersion(ports, manifest, options)) void block;
}

/** The entry at exactly this path. */
export async function lookupEntry(
  manifest: VersionManifest,
  path: string,
  options: OperationOptions = {},
): Promise<Entry | undefined> {
  try {
    return await manifest.reader.lookup(path, options);
  } catch (error) {
    throw manifestError(manifest.version, error);
  }
}

/** Names the version in an error of its manifest; other errors pass as they are. */
function manifestError(version: VersionRecord, error: unknown): unknown {
  if (!(error instanceof ArtifactError)) return error;
  if (error.code !== 'CORRUPT' && error.code !== 'MISSING_BLOB') return error;
  const name = versionName(version);
  if (error.message.includes(name)) return error;
  return new ArtifactError(
    error.code,
    `the manifest of ${name} cannot be read: ${error.message}; ${adviceFor(version)}`,
    {
      cause: error,
      details: { subject: name, key: version.manifest.key },
    },
  );
}

async function nextBlock(
  version: VersionRecord,
  blocks: AsyncIterator<readonly Entry[]>,
): Promise<IteratorResult<readonly Entry[]>> {
  try {
    return await blocks.next();
  } catch (error) {
    throw manifestError(version, error);
  }
}

function checkPaths(version: VersionRecord, block: readonly Entry[]): void {
  for (const { path } of block) {
    const problem = entryPathProblem(path);
    if (problem === undefined) continue;
    throw corruptManifest(version, `holds the path ${quotePath(path)}, which ${problem}`);
  }
}

function corruptManifest(version: VersionRecord, problem: string): ArtifactError {
  return new ArtifactError(
    'CORRUPT',
    `the manifest of ${versionName(version)} ${problem}; ${adviceFor(version)}`,
    { details: { subject: versionName(version), key: version.manifest.key } },
  );
}

/** The ways out of a manifest that is damaged or gone; the stored contents are still there. */
export function adviceFor({ manifest }: VersionRecord): string {
  return `put the version again with \`put --force\` and delete this one, or restore ${manifest.key} from a backup`;
}
