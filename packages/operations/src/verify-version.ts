import type { Entry, TreeEntry, VersionRecord } from '@waybill/core';
import { isStored } from './blob-lookup.ts';
import { compareEntries, isComparable } from './compare-entries.ts';
import { COMPARED } from './compared.ts';
import { FailureList } from './failure-list.ts';
import { localPathOf } from './file-reference.ts';
import { openManifest, scanVersion } from './manifest-scan.ts';
import { mapOrdered } from './map-ordered.ts';
import { type Joined, mergeJoin } from './merge-join.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { resolveVersion, versionName } from './resolve-version.ts';
import type { TreeDifference, VerifyRequest, VerifyResult } from './results.ts';
import { treeFiles } from './tree-files.ts';

/** Paths looked at together, and such windows under way at once. */
const WINDOW_PATHS = 4_000;
const WINDOWS_AHEAD = 3;

type Pair = Joined<Entry, TreeEntry>;

interface WindowResult {
  readonly differences: TreeDifference[];
  readonly unreadable: string[];
  readonly entries: number;
  readonly bytes: number;
  readonly referencesChecked: number;
  readonly referencesUnchecked: number;
}

type MutableResult = { -readonly [Key in keyof WindowResult]: WindowResult[Key] };

/**
 * Compares a folder with a version, content included; yields differences in path order.
 *
 * A reference to a local file counts as its file, since `get` copies it: it may be missing or changed. A reference to
 * another place counts only when a file with its path is there, and only if its digest is one of content. A link or
 * special file is `changed` in the place of an entry, `extra` elsewhere. Empty folders are not compared.
 *
 * @throws ArtifactError `NOT_FOUND` (version or folder); `CORRUPT` when the manifest is not the version's;
 * `SOURCE_UNREADABLE` naming the files that could not be read, after everything else was compared
 */
export async function* verifyVersion(
  ports: OperationPorts,
  request: VerifyRequest,
  options: OperationOptions = {},
): AsyncGenerator<TreeDifference, VerifyResult> {
  const version = await resolveVersion(ports, request.ref, options);
  const root = await ports.targets.resolve(request.root, options);
  const manifest = await openManifest(ports, version, options);
  const pairs = mergeJoin(
    scanVersion(ports, manifest, options),
    treeFiles(ports, root, options),
    WINDOW_PATHS,
  );
  const results = mapOrdered(pairs, {
    map: (window, signal) => compareWindow(ports, { version, root, window }, { ...options, signal }),
    ahead: () => WINDOWS_AHEAD,
    signal: options.signal,
  });
  const counts = {
    missing: 0,
    extra: 0,
    changed: 0,
    entries: 0,
    referencesChecked: 0,
    referencesUnchecked: 0,
  };
  const unreadable = new FailureList();
  let bytesDone = 0;
  for await (const result of results) {
    for (const difference of result.differences) {
      counts[difference.kind]++;
      yield difference;
    }
    for (const path of result.unreadable) unreadable.add({ path, ...UNREADABLE });
    counts.entries += result.entries;
    counts.referencesChecked += result.referencesChecked;
    counts.referencesUnchecked += result.referencesUnchecked;
    bytesDone += result.bytes;
    const totals = { total: version.entryCount, bytesTotal: version.sizeBytes };
    options.onProgress?.({ step: 'compare', done: counts.entries, bytesDone, ...totals });
  }
  unreadable.throwIfAny({
    subject: root,
    summary: (count) =>
      `${count} files below ${root} could not be read, so ${versionName(version)} is not verified`,
  });
  const ok = counts.missing + counts.extra + counts.changed === 0;
  return { version, root, ok, ...counts };
}

const UNREADABLE = { code: 'SOURCE_UNREADABLE', message: 'cannot be read; check its permissions' } as const;

/** The differences of one window, with the contents of its files compared in threads. */
async function compareWindow(
  ports: OperationPorts,
  task: { version: VersionRecord; root: string; window: readonly Pair[] },
  options: OperationOptions,
): Promise<WindowResult> {
  const { version, root, window } = task;
  const entries = window.flatMap(({ left, right }) =>
    left !== undefined && right?.kind === 'file' && isComparable(left) ? [left] : [],
  );
  const states = await compareEntries(ports, { version, root, entries }, options);
  const compared = new Map(entries.map((entry, index) => [entry, states[index]]));
  const result: MutableResult = { ...NOTHING, differences: [], unreadable: [] };
  for (const pair of window) {
    settle(result, pair, pair.left === undefined ? undefined : compared.get(pair.left));
  }
  return result;
}

const NOTHING = { entries: 0, bytes: 0, referencesChecked: 0, referencesUnchecked: 0 } as const;

/** `state`: how the entry's file compared; `undefined` when there was nothing to compare. */
function settle(result: MutableResult, pair: Pair, state: number | undefined): void {
  const { left: entry, right: there } = pair;
  const kind = differenceOf(pair, state);
  if (entry === undefined) {
    if (kind !== undefined && there !== undefined) result.differences.push({ kind, path: there.path });
    return;
  }
  result.entries++;
  result.bytes += entry.sizeBytes ?? 0;
  if (!isStored(entry) && state !== undefined) result.referencesChecked++;
  if (isUncheckable(entry, there, state)) result.referencesUnchecked++;
  if (state === COMPARED.unreadable) result.unreadable.push(entry.path);
  if (kind !== undefined) result.differences.push({ kind, path: entry.path });
}

function differenceOf(pair: Pair, state: number | undefined): TreeDifference['kind'] | undefined {
  const { left: entry, right: there } = pair;
  if (entry === undefined) return 'extra';
  if (there === undefined) return isGivenByGet(entry) ? 'missing' : undefined;
  if (there.kind !== 'file') return 'changed';
  if (state === undefined || state === COMPARED.same || state === COMPARED.unreadable) return undefined;
  return state === COMPARED.missing ? 'missing' : 'changed';
}

/** Whether `get` writes a file for the entry. */
function isGivenByGet(entry: Entry): boolean {
  return entry.ref === undefined || (localPathOf(entry.ref) !== undefined && isComparable(entry));
}

function isUncheckable(entry: Entry, there: TreeEntry | undefined, state: number | undefined): boolean {
  if (isStored(entry) || state !== undefined) return false;
  return there === undefined ? !isGivenByGet(entry) : there.kind === 'file';
}
