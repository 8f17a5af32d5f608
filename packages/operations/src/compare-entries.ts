import { type Entry, encodeNames, isContentDigest, LIMITS, type VersionRecord } from '@waybill/core';
import { rawDigests } from './blob-lookup.ts';
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
  for (const { start, end } of cutBatches(request.entries, share)) {
    runs.push(compareBatch(ports, request, { start, end, states, options }));
  }
  for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason;
  return states;
}

async function compareBatch(
  ports: Pick<OperationPorts, 'pool'>,
  request: CompareRequest,
  batch: { start: number; end: number; states: Uint8Array; options: OperationOptions },
): Promise<void> {
  const entries = request.entries.slice(batch.start, batch.end);
  const { signal } = batch.options;
  const output = await ports.pool.run(
    'compareFiles',
    {
      root: request.root,
      algorithm: request.version.digestAlgorithm,
      names: encodeNames(entries.map(({ path }) => path)),
      digests: rawDigests(request.version, entries),
      sizes: Float64Array.from(entries, ({ sizeBytes }) => sizeBytes ?? Number.NaN),
      useStatCache: false,
    },
    signal === undefined ? {} : { signal },
  );
  batch.states.set(output.states, batch.start);
}

function* cutBatches(
  entries: readonly Entry[],
  bytesMost: number,
): Generator<{ start: number; end: number }> {
  let start = 0;
  let bytes = 0;
  for (const [index, { sizeBytes = 0 }] of entries.entries()) {
    if (index > start && (index - start >= LIMITS.batchEntries || bytes + sizeBytes > bytesMost)) {
      yield { start, end: index };
      start = index;
      bytes = 0;
    }
    bytes += sizeBytes;
  }
  if (entries.length > start) yield { start, end: entries.length };
}
