import {
  type BlobLocation,
  type Entry,
  encodeNames,
  type FileFailure,
  LIMITS,
  type VersionRecord,
  type WriteObject,
} from '@waybill/core';
import { rawDigests } from './blob-lookup.ts';

/** Small files of one task. */
const TASK_BYTES = 16_777_216;
/** Large files of one task, which are as many as there are lanes unless they are large indeed. */
const LARGE_TASK_BYTES = 268_435_456;
/** Large files together below this are not worth sharing among threads. */
const SHARED_BYTES = 16_777_216;

export interface PlanRequest {
  readonly version: VersionRecord;
  /** Stored entries. */
  readonly entries: readonly Entry[];
  /** Where their contents lie, by digest. */
  readonly locations: ReadonlyMap<string, BlobLocation>;
  /** Threads to share large files among. */
  readonly threads: number;
}

/** A file to be written, and where its bytes lie. */
interface PlacedEntry {
  readonly entry: Entry;
  readonly location: BlobLocation;
}

/** What one task writes. */
export interface WriteTask {
  readonly entries: readonly Entry[];
  readonly objects: readonly WriteObject[];
  readonly bytes: number;
}

export interface WritePlan {
  readonly tasks: readonly WriteTask[];
  /** Entries that cannot be written since their bytes are not where they should be. */
  readonly failures: readonly (FileFailure & { readonly entry: Entry })[];
}

/**
 * Turns stored entries into tasks: in the order in which their bytes lie, so that each object is read forwards, and
 * bounded in files and bytes. Large files have tasks of their own.
 */
export function planWrites(request: PlanRequest): WritePlan {
  const { version, entries, locations, threads } = request;
  const small: PlacedEntry[] = [];
  const large: PlacedEntry[] = [];
  const failures: (FileFailure & { entry: Entry })[] = [];
  for (const entry of entries) {
    const location = locations.get(entry.digest);
    const problem = placementProblem(entry, location);
    if (location === undefined || problem !== undefined) {
      failures.push({ path: entry.path, entry, ...(problem ?? MISSING) });
    } else if (location.length >= LIMITS.largeFileBytes) large.push({ entry, location });
    else small.push({ entry, location });
  }
  const largeBytes = large.reduce((sum, { location }) => sum + location.length, 0);
  const share = shareOf(largeBytes, { threads, most: LARGE_TASK_BYTES });
  const tasks = [
    ...cutTasks(version, inStoredOrder(small), { files: LIMITS.batchEntries, bytes: TASK_BYTES }),
    ...cutTasks(version, inStoredOrder(large), { files: LIMITS.hashLanes, bytes: share }),
  ];
  return { tasks, failures };
}

/** Bytes of one task when some are shared among threads. */
export function shareOf(bytes: number, options: { threads: number; most: number }): number {
  return Math.min(options.most, Math.max(SHARED_BYTES, Math.ceil(bytes / options.threads)));
}

const MISSING = {
  code: 'MISSING_BLOB',
  message: 'its content is not in the store; run `waybill store check`, then `put` the files again',
} as const;

function placementProblem(
  entry: Entry,
  location: BlobLocation | undefined,
): Pick<FileFailure, 'code' | 'message'> | undefined {
  if (location === undefined) return MISSING;
  if (entry.sizeBytes === undefined || location.length === entry.sizeBytes) return undefined;
  return {
    code: 'CORRUPT',
    message: `the manifest says ${entry.sizeBytes} bytes, the index ${location.length}; run \`waybill store check\``,
  };
}

function inStoredOrder(placed: PlacedEntry[]): PlacedEntry[] {
  return placed.sort(
    ({ location: a }, { location: b }) =>
      (a.key === b.key ? 0 : a.key < b.key ? -1 : 1) || a.offset - b.offset || a.length - b.length,
  );
}

function* cutTasks(
  version: VersionRecord,
  placed: readonly PlacedEntry[],
  limit: { files: number; bytes: number },
): Generator<WriteTask> {
  let start = 0;
  let bytes = 0;
  for (const [index, { location }] of placed.entries()) {
    const full = index - start >= limit.files || bytes + location.length > limit.bytes;
    if (full && index > start) {
      yield writeTask(version, placed.slice(start, index), bytes);
      start = index;
      bytes = 0;
    }
    bytes += location.length;
  }
  if (placed.length > start) yield writeTask(version, placed.slice(start), bytes);
}

function writeTask(version: VersionRecord, placed: readonly PlacedEntry[], bytes: number): WriteTask {
  const objects: WriteObject[] = [];
  let start = 0;
  for (let index = 1; index <= placed.length; index++) {
    if (placed[index]?.location.key === placed[start]?.location.key) continue;
    objects.push(writeObject(version, placed.slice(start, index)));
    start = index;
  }
  return { objects, bytes, entries: placed.map(({ entry }) => entry) };
}

function writeObject(version: VersionRecord, placed: readonly PlacedEntry[]): WriteObject {
  const entries = placed.map(({ entry }) => entry);
  return {
    key: placed[0]?.location.key ?? '',
    names: encodeNames(entries.map(({ path }) => path)),
    blobs: {
      digests: rawDigests(version, entries),
      offsets: Float64Array.from(placed, ({ location }) => location.offset),
      lengths: Float64Array.from(placed, ({ location }) => location.length),
    },
  };
}
