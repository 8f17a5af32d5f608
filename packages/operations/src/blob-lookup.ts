import {
  ArtifactError,
  type BlobLocation,
  DIGEST_BYTES,
  type DigestAlgorithm,
  type Entry,
  isContentDigest,
  quotePath,
  REFERENCE_ALGORITHM,
  type VersionRecord,
} from '@waybill/core';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { versionName } from './resolve-version.ts';

/** Digests asked for in one call of the index. */
const LOCATE_DIGESTS = 2_000;

/** Whether the entry's bytes are a stored blob. */
export function isStored(entry: Entry): boolean {
  return entry.ref === undefined;
}

/** What the entry's digest was computed with, and its content is verified with. */
export function algorithmOf(version: VersionRecord, entry: Entry): DigestAlgorithm {
  return isStored(entry) ? version.digestAlgorithm : REFERENCE_ALGORITHM;
}

/**
 * Raw digests of entries, 16 bytes each, one after the other.
 * @throws ArtifactError `CORRUPT` for a stored entry whose digest is none of content
 */
export function rawDigests(version: VersionRecord, entries: readonly Entry[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * DIGEST_BYTES);
  for (const [index, { digest, path }] of entries.entries()) {
    if (!isContentDigest(digest)) {
      throw new ArtifactError(
        'CORRUPT',
        `the manifest of ${versionName(version)} gives ${quotePath(path)} the digest "${digest}", which is not one of content`,
        { details: { subject: versionName(version), path } },
      );
    }
    bytes.subarray(index * DIGEST_BYTES).setFromBase64(digest);
  }
  return bytes;
}

/** Where the contents of stored entries lie, by digest. A digest that is not stored is not in the map. */
export async function locateEntries(
  ports: Pick<OperationPorts, 'index'>,
  asked: { version: VersionRecord; entries: readonly Entry[] },
  options: OperationOptions = {},
): Promise<Map<string, BlobLocation>> {
  const { version } = asked;
  const distinct = new Map<string, Entry>();
  for (const entry of asked.entries) distinct.set(entry.digest, entry);
  const wanted = [...distinct.values()];
  const found = new Map<string, BlobLocation>();
  for (let start = 0; start < wanted.length; start += LOCATE_DIGESTS) {
    const entries = wanted.slice(start, start + LOCATE_DIGESTS);
    const digests = rawDigests(version, entries);
    const { entity, digestAlgorithm: algorithm } = version;
    const locations = await ports.index.locate({ entity, algorithm, digests }, options);
    for (const [index, entry] of entries.entries()) {
      const location = locations[index];
      if (location !== undefined) found.set(entry.digest, location);
    }
  }
  return found;
}
