import { ArtifactError, type IngestBatchInput, type NewNotice, type StatCacheRange } from '@waybill/core';
import type { ArenaBatch } from './arena-batch.ts';
import { type BatchFile, batchFile, joinPath, notRegular, unreadable, vanished } from './batch-file.ts';
import type { IngestThreadPorts } from './ingest-thread-ports.ts';

/** The names of a batch, and where to tell what is wrong with one. */
export interface BatchNames {
  readonly input: IngestBatchInput;
  readonly names: readonly string[];
  readonly notices: NewNotice[];
}

/** The files of the names handled, up to the byte budget. */
export interface HandledFiles {
  readonly files: BatchFile[];
  /** How many of the names were handled. */
  readonly consumed: number;
}

/** Stats every name, up to the byte budget, and joins with the stat cache. */
export function lookAtFiles(
  ports: IngestThreadPorts,
  batch: BatchNames,
  cache: StatCacheRange,
): HandledFiles {
  const { input, names, notices } = batch;
  const files: BatchFile[] = [];
  const budget = new Budget(input.byteBudget);
  for (const name of names) {
    if (budget.isSpent) break;
    budget.consumed++;
    const file = lookAtFile(ports, { root: input.root, name, notices });
    if (file === undefined) continue;
    file.cached = cache.find(file.path, file.stat.signature);
    // A reference is hashed, not stored, so an unchanged file needs no second question.
    if (input.mode === 'reference' && file.cached !== undefined) file.digest = file.cached.digest;
    files.push(file);
    budget.bytes += file.stat.sizeBytes;
  }
  return { files, consumed: budget.consumed };
}

/**
 * The same where nothing is remembered: each file is opened, looked at and read at once, which spares finding it
 * twice by its path.
 */
export async function readFiles(
  ports: IngestThreadPorts,
  batch: BatchNames,
  arena: ArenaBatch,
): Promise<HandledFiles> {
  const { input, names, notices } = batch;
  const files: BatchFile[] = [];
  const budget = new Budget(input.byteBudget);
  for (const name of names) {
    if (budget.isSpent) break;
    budget.consumed++;
    const path = joinPath(input.root, name);
    try {
      const statAtMs = ports.clock.nowMs();
      using source = ports.files.open(path);
      const stat = source.stat();
      if (stat.kind !== 'file') {
        notices.push(notRegular(path));
        continue;
      }
      const file = batchFile({ name, path, stat, statAtMs });
      files.push(file);
      budget.bytes += stat.sizeBytes;
      await arena.add(file, source);
    } catch (error) {
      if (!(error instanceof ArtifactError) || !isAboutSource(error)) throw error;
      notices.push(unreadable(path, error));
    }
  }
  return { files, consumed: budget.consumed };
}

/** Counts names and bytes until there are more bytes than a batch may hold. */
class Budget {
  readonly #bytesMax: number;
  bytes = 0;
  consumed = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isSpent(): boolean {
    return this.bytes > this.#bytesMax;
  }
}

function lookAtFile(
  ports: IngestThreadPorts,
  of: { root: string; name: string; notices: NewNotice[] },
): BatchFile | undefined {
  const path = joinPath(of.root, of.name);
  const statAtMs = ports.clock.nowMs();
  try {
    const stat = ports.files.stat(path);
    if (stat?.kind === 'file') return batchFile({ name: of.name, path, stat, statAtMs });
    of.notices.push(stat === undefined ? vanished(path) : notRegular(path));
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    of.notices.push(unreadable(path, error));
  }
  return undefined;
}

/** Adding to the arena also writes into the store, and asks it: those errors are not the file's. */
function isAboutSource({ code }: ArtifactError): boolean {
  return code === 'SOURCE_CHANGED' || code === 'SOURCE_UNREADABLE';
}
