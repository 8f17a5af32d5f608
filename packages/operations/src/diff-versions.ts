import { ArtifactError, type Entry, type VersionRecord } from '@waybill/core';
import { openManifest, scanEntries } from './manifest-scan.ts';
import { type Joined, mergeJoin } from './merge-join.ts';
import { MoveFinder } from './move-finder.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { resolveVersion, versionName } from './resolve-version.ts';
import type { DiffRequest, DiffResult, EntryDifference } from './results.ts';

/** Paths joined before differences are looked at. */
const BLOCK_PATHS = 4_000;
const ORDER = { onlyOrder: true } as const;

type Totals = Record<EntryDifference['kind'], { count: number; bytes: number }>;

/**
 * How two versions differ. First every `changed` path, in path order; then `added`, `removed` and `moved` together, in
 * path order, `moved` by its new path.
 *
 * An added and a removed path with the same digest and size are one move; of several, the first removed goes with the
 * first added, and so on in path order; what is left over is added (a copy) or removed. Constant memory: both manifests
 * are read once, side by side, and moves are found by sorting outside memory. What else an entry records (`ref`, `extra`)
 * makes no difference, as it makes none for the logical digest.
 *
 * @throws ArtifactError `NOT_FOUND`, `CORRUPT`; `UNSUPPORTED` when the versions' digests cannot be compared
 */
export async function* diffVersions(
  ports: OperationPorts,
  request: DiffRequest,
  options: OperationOptions = {},
): AsyncGenerator<EntryDifference, DiffResult> {
  const from = await resolveVersion(ports, request.from, options);
  const to = await resolveVersion(ports, request.to, options);
  assertComparable(from, to);
  const totals: Totals = { added: zero(), removed: zero(), changed: zero(), moved: zero() };
  if (from.digest === to.digest) return { from, to, ...totals };
  const left = scanEntries(await openManifest(ports, from, options), ORDER, options);
  const right = scanEntries(await openManifest(ports, to, options), ORDER, options);
  await using moves = new MoveFinder(ports, options);
  let done = 0;
  for await (const block of mergeJoin(left, right, BLOCK_PATHS)) {
    for (const pair of block) {
      const changed = changeOf(pair);
      if (changed !== undefined) yield count(totals, changed);
    }
    await moves.add(block, done);
    done += block.length;
    options.onProgress?.({ step: 'compare', done, total: undefined, bytesDone: 0, bytesTotal: undefined });
  }
  for await (const block of moves.finish()) for (const difference of block) yield count(totals, difference);
  return { from, to, ...totals };
}

function assertComparable(from: VersionRecord, to: VersionRecord): void {
  if (from.digestAlgorithm === to.digestAlgorithm) return;
  throw new ArtifactError(
    'UNSUPPORTED',
    `${versionName(from)} has ${from.digestAlgorithm} digests and ${versionName(to)} ${to.digestAlgorithm}, which cannot be compared; compare versions of one artifact`,
    { details: { subject: versionName(from) } },
  );
}

function changeOf({ left, right }: Joined<Entry, Entry>): EntryDifference | undefined {
  if (left === undefined || right === undefined || left.digest === right.digest) return undefined;
  return {
    kind: 'changed',
    path: right.path,
    digest: right.digest,
    fromDigest: left.digest,
    sizeBytes: right.sizeBytes,
    fromSizeBytes: left.sizeBytes,
  };
}

function zero(): { count: number; bytes: number } {
  return { count: 0, bytes: 0 };
}

function count(totals: Totals, difference: EntryDifference): EntryDifference {
  const total = totals[difference.kind];
  total.count++;
  total.bytes += difference.sizeBytes ?? 0;
  return difference;
}
