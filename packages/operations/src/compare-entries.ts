import {
  type DigestAlgorithm,
  type Entry,
  encodeNames,
  isContentDigest,
  LIMITS,
  type VersionRecord,
} from '@waybill/core';
import { algorithmOf, rawDigests } from './blob-lookup.ts';
import { COMPARED } from './compared.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { shareOf } from './write-plan.ts';

/** Bytes compared by one task, so that threads share the work evenly. */
const TASK_BYTES = 134_217_728;

export interface CompareRequest {
  readonly version: VersionRecord;
  readonly root: string;
  /** In path order; each with a digest of content. */
  readonly entries: readonly Entry[];
}

/** Whether a file's content can be compared with the entry. */
export function isComparable(entry: Entry): boolean {
  return isContentDigest(entry.digest);
}

/** Compares files below a folder with entries, by content; answers a state for each entry, in their order. */
export async function compareEntries(
  ports: Pick<OperationPorts, 'pool'>,
  request: CompareRequest,
  options: OperationOptions = {},
): Promise<Uint8Array> {
  const states = new Uint8Array(request.entries.length);
  const runs: Promise<void>[] = [];
  const total = request.entries.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  const share = shareOf(total, { threads: ports.pool.cpus, most: TASK_BYTES });
  for (const [algorithm, rows] of rowsByAlgorithm(request)) {
    for (const batch of cutBatches(request.entries, rows, share)) {
      runs.push(compareBatch(ports, request, { algorithm, rows: batch, states, options }));
    }
  }
  for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason;
  return states;
}

/** Positions of the entries: what one task compares was all hashed in one way. */
function rowsByAlgorithm({ version, entries }: CompareRequest): Map<DigestAlgorithm, number[]> {
  return Map.groupBy(entries.keys(), (row) => {
    const entry = entries[row];
    return entry === undefined ? version.digestAlgorithm : algorithmOf(version, entry);
  });
}

async function compareBatch(
  ports: Pick<OperationPorts, 'pool'>,
  request: CompareRequest,
  batch: {
    algorithm: DigestAlgorithm;
    rows: readonly number[];
    states: Uint8Array;
    options: OperationOptions;
  },
): Promise<void> {
  const { algorithm, rows, states } = batch;
  const entries = rows.map((row) => request.entries[row]).filter((entry) => entry !== undefined);
  const { signal } = batch.options;
  const output = await ports.pool.run(
    'compareFiles',
    {
      root: request.root,
      algorithm,
      names: encodeNames(entries.map(({ path }) => path)),
      digests: rawDigests(request.version, entries),
      sizes: Float64Array.from(entries, ({ sizeBytes }) => sizeBytes ?? Number.NaN),
    },
    signal === undefined ? {} : { signal },
  );
  for (const [index, row] of rows.entries()) states[row] = output.states[index] ?? COMPARED.unreadable;
}

function* cutBatches(
  entries: readonly Entry[],
  rows: readonly number[],
  bytesMost: number,
): Generator<readonly number[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    const sizeBytes = entries[row]?.sizeBytes ?? 0;
    if (index > start && (index - start >= LIMITS.batchEntries || bytes + sizeBytes > bytesMost)) {
      yield rows.slice(start, index);
      start = index;
      bytes = 0;
    }
    bytes += sizeBytes;
  }
  if (rows.length > start) yield rows.slice(start);
}
