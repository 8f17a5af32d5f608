import { workerData } from 'node:worker_threads';
import {
  createContentHasher,
  createDigests,
  HashPermits,
  type ThreadEntry,
  threadTask,
} from '@waybill/hashing';
import { createSegmentFiles } from '@waybill/manifest-file';
import { createOperationTasks } from '@waybill/operations';
import { createIngestTasks } from '@waybill/pipeline';
import {
  createDraftWriter,
  createSourceFiles,
  createStatCacheReader,
  createTargetFiles,
  createThreadStore,
  openStatCache,
  walkInThread,
} from '@waybill/store-fs';
import { systemClock } from './environment.ts';
import { createFaultPoints } from './fault-points.ts';
import type { ThreadSetup } from './thread-setup.ts';

// This module is what every worker thread runs: the one place that wires adapters to the ports of a thread.
const setup = workerData as ThreadSetup;
const faults = createFaultPoints(setup.faultPlan);
const files = createSourceFiles();
const hasher = await createContentHasher({ permits: HashPermits.attach(setup.permits) });
const statCache = createStatCacheReader({ path: setup.statCacheFile });

/** The one thread that writes the stat cache at a time has it open no longer than that. */
async function keepRows(rows: readonly Uint8Array[], catalogId: string): Promise<{ warnings: string[] }> {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  await using cache = await openStatCache({ path: setup.statCacheFile, catalogId, warn });
  await cache.keep(rows);
  return { warnings };
}

const ingest = createIngestTasks({
  files,
  hasher,
  statCache,
  faults,
  segments: createSegmentFiles(),
  drafts: createDraftWriter({ faults }),
  clock: systemClock,
});

const operations = createOperationTasks({
  files,
  hasher,
  store: createThreadStore({ folder: setup.storeFolder }),
  targets: createTargetFiles({ faults }),
  digests: await createDigests(),
});

export const walk: ThreadEntry<'walk'> = threadTask((input) => walkInThread(input));
export const ingestBatch: ThreadEntry<'ingestBatch'> = threadTask((input, call) =>
  ingest.ingestBatch(input, (question) => call.ask(question)),
);
export const keepCacheRows: ThreadEntry<'keepCacheRows'> = threadTask(({ rows, catalogId }) =>
  keepRows(rows, catalogId),
);
export const ingestLarge: ThreadEntry<'ingestLarge'> = threadTask((input, call) =>
  ingest.ingestLarge(input, call.signal),
);
export const writeFiles: ThreadEntry<'writeFiles'> = threadTask((input, call) =>
  operations.writeFiles(input, call),
);
export const compareFiles: ThreadEntry<'compareFiles'> = threadTask((input, call) =>
  operations.compareFiles(input, call),
);
export const checkObject: ThreadEntry<'checkObject'> = threadTask((input, call) =>
  operations.checkObject(input, call),
);
export const copyReferences: ThreadEntry<'copyReferences'> = threadTask((input, call) =>
  operations.copyReferences(input, call),
);
export const readReference: ThreadEntry<'readReference'> = threadTask((input, call) =>
  operations.readReference(input, call),
);
