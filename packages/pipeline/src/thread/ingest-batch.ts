import {
  type BatchPart,
  type CacheRow,
  decodeNames,
  type Entry,
  type IngestBatchInput,
  type IngestBatchOutput,
  invariant,
  type NewNotice,
  type PackedRegion,
  type StatCacheRange,
} from '@waybill/core';
import { ArenaBatch } from './arena-batch.ts';
import { type BatchFile, cacheRowOf, entryOf, joinPath, withFileAlgorithm } from './batch-file.ts';
import type { AskShard, IngestThreadPorts } from './ingest-thread-ports.ts';
import { type BatchNames, type HandledFiles, lookAtFiles, readFiles } from './look-at-files.ts';
import { ProofMemo } from './proof-memo.ts';
import { StoredCheck } from './stored-check.ts';

/** Ingests are few in a thread's life; what one learned of proofs serves its later batches. */
const proofs = new ProofMemo();

/**
 * Turns a run of names into encoded entries: looks at each file, takes digests of unchanged ones from the stat
 * cache, reads the rest once into memory, hashes it there, and writes from there what the store does not have.
 */
export async function ingestBatch(
  ports: IngestThreadPorts,
  given: IngestBatchInput,
  ask: AskShard,
): Promise<IngestBatchOutput> {
  const input = withFileAlgorithm(given);
  const notices: NewNotice[] = [];
  const batch = { input, notices, names: decodeNames(input.names) };
  const packed: PackedRegion[] = [];
  const arena = new ArenaBatch({ ports, input, ask, notices, packed });
  using cache = openCache(ports, batch);
  const { files, consumed } =
    cache === undefined || cache.isEmpty
      ? await readFiles(ports, batch, arena)
      : await readChanged(ports, { ...batch, ask, arena }, cache);
  await arena.flush();
  return { consumed, packed, notices, ...collect(ports, input, files) };
}

function openCache(ports: IngestThreadPorts, { input, names }: BatchNames): StatCacheRange | undefined {
  const [first, last] = [names[0], names.at(-1)];
  if (!input.useStatCache || first === undefined || last === undefined) return undefined;
  const { root, algorithm } = input;
  return ports.statCache?.openRange({
    firstPath: joinPath(root, first),
    lastPath: joinPath(root, last),
    algorithm,
  });
}

/** Looks at all files before it reads those that are new, so that all are asked about at once. */
async function readChanged(
  ports: IngestThreadPorts,
  batch: BatchNames & { ask: AskShard; arena: ArenaBatch },
  cache: StatCacheRange,
): Promise<HandledFiles> {
  const { input, ask, arena } = batch;
  const handled = lookAtFiles(ports, batch, cache);
  if (input.mode === 'store') {
    await new StoredCheck({ input, ask, proofs: proofs.of(input.ingestSequence) }).settle(handled.files);
  }
  for (const file of handled.files) if (file.digest === undefined) await arena.add(file);
  return handled;
}

function collect(
  ports: IngestThreadPorts,
  input: IngestBatchInput,
  files: readonly BatchFile[],
): Pick<IngestBatchOutput, 'parts' | 'cacheRows' | 'counts'> {
  const parts: BatchPart[] = [];
  const rows: CacheRow[] = [];
  const counts = { files: 0, bytes: 0, filesHashed: 0, bytesHashed: 0 };
  let entries: Entry[] = [];
  const closeFrame = (): void => {
    if (entries.length > 0) parts.push({ kind: 'frame', frame: ports.segments.encodeFrame(entries) });
    entries = [];
  };
  for (const file of files) {
    if (file.failed) continue;
    counts.files++;
    counts.bytes += file.stat.sizeBytes;
    if (file.large) {
      closeFrame();
      parts.push({
        kind: 'large',
        file: { name: file.name, path: file.path, sizeBytes: file.stat.sizeBytes },
      });
      counts.filesHashed++;
      counts.bytesHashed += file.stat.sizeBytes;
      continue;
    }
    invariant(file.digest !== undefined, 'ingest-batch-digest', `no digest for ${file.path}`);
    entries.push(entryOf(input, file, file.digest));
    const row = cacheRowOf(input, file);
    if (row !== undefined) rows.push(row);
    if (!file.hashed) continue;
    counts.filesHashed++;
    counts.bytesHashed += file.stat.sizeBytes;
  }
  closeFrame();
  return { parts, counts, cacheRows: encodeCacheRows(ports, input, rows) };
}

function encodeCacheRows(
  ports: IngestThreadPorts,
  input: IngestBatchInput,
  rows: readonly CacheRow[],
): Uint8Array {
  if (!input.useStatCache || ports.statCache === undefined || rows.length === 0) return new Uint8Array(0);
  return ports.statCache.encodeRows(rows);
}
