import {
  ArtifactError,
  type BatchPart,
  type CacheRow,
  decodeNames,
  type Entry,
  type IngestBatchInput,
  type IngestBatchOutput,
  invariant,
  LIMITS,
  type NewNotice,
  type PackedRegion,
} from '@waybill/core';
import { ArenaBatch } from './arena-batch.ts';
import {
  type BatchFile,
  cacheRowOf,
  entryOf,
  failedNotice,
  joinPath,
  unreadable,
  vanished,
} from './batch-file.ts';
import type { AskShard, IngestThreadPorts } from './ingest-thread-ports.ts';
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
  input: IngestBatchInput,
  ask: AskShard,
): Promise<IngestBatchOutput> {
  const notices: NewNotice[] = [];
  const names = decodeNames(input.names);
  const { files, consumed } = lookAtFiles(ports, { input, names, notices });
  if (input.mode === 'store') {
    await new StoredCheck({ input, ask, proofs: proofs.of(input.ingestSequence) }).settle(files);
  }
  const packed: PackedRegion[] = [];
  const arena = new ArenaBatch({ ports, input, ask, notices, packed });
  for (const file of files) {
    if (file.digest !== undefined || file.failed) continue;
    if (file.stat.sizeBytes >= LIMITS.largeFileBytes) file.large = true;
    else await arena.add(file);
  }
  await arena.flush();
  return { consumed, packed, notices, ...collect(ports, input, files) };
}

/** Stats every name, up to the byte budget, and joins with the stat cache. */
function lookAtFiles(
  ports: IngestThreadPorts,
  batch: { input: IngestBatchInput; names: readonly string[]; notices: NewNotice[] },
): { files: BatchFile[]; consumed: number } {
  const { input, names, notices } = batch;
  const files: BatchFile[] = [];
  const first = names[0];
  const last = names.at(-1);
  if (first === undefined || last === undefined) return { files, consumed: 0 };
  using cache = input.useStatCache
    ? ports.statCache?.openRange({
        firstPath: joinPath(input.root, first),
        lastPath: joinPath(input.root, last),
        algorithm: input.algorithm,
      })
    : undefined;
  let bytes = 0;
  let consumed = 0;
  for (const name of names) {
    consumed++;
    const file = lookAtFile(ports, { root: input.root, name, notices });
    if (file === undefined) continue;
    file.cached = cache?.find(file.path, file.stat.signature);
    // A reference is hashed, not stored, so an unchanged file needs no second question.
    if (input.mode === 'reference' && file.cached !== undefined) file.digest = file.cached.digest;
    files.push(file);
    bytes += file.stat.sizeBytes;
    if (bytes > input.byteBudget) break;
  }
  return { files, consumed };
}

function lookAtFile(
  ports: IngestThreadPorts,
  of: { root: string; name: string; notices: NewNotice[] },
): BatchFile | undefined {
  const path = joinPath(of.root, of.name);
  const statAtMs = ports.clock.nowMs();
  try {
    const stat = ports.files.stat(path);
    if (stat === undefined) {
      of.notices.push(vanished(path));
      return undefined;
    }
    if (stat.kind !== 'file') {
      of.notices.push(failedNotice(path, 'changed', `${path} is no longer a regular file`));
      return undefined;
    }
    return {
      name: of.name,
      path,
      stat,
      statAtMs,
      cached: undefined,
      digest: undefined,
      hashed: false,
      remember: false,
      failed: false,
      large: false,
    };
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    of.notices.push(unreadable(path, error));
    return undefined;
  }
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
