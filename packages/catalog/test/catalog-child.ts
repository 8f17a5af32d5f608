import { createIngestLocks, openSqliteCatalog, type SqlCatalog } from '@waybill/catalog';
import type { IngestSpec } from '@waybill/core';

/** What a test has another process do. Answers are lines of JSON on stdout. */
export type ChildTask =
  /** `uid`: become that user first. */
  | { readonly kind: 'open'; readonly path: string; readonly uid?: number }
  | { readonly kind: 'commit'; readonly path: string; readonly ingests: readonly IngestSpec[] }
  | { readonly kind: 'kill'; readonly path: string; readonly ingest: IngestSpec; readonly point: string }
  | { readonly kind: 'store'; readonly path: string; readonly ingest: IngestSpec; readonly count: number }
  | { readonly kind: 'lock'; readonly folder: string; readonly ingestId: string };

const clock = { nowMs: Date.now };
const task = parseTask(process.argv[2]);

switch (task.kind) {
  case 'open': {
    if (task.uid !== undefined) become(task.uid);
    await using catalog = await openSqliteCatalog({ path: task.path, clock });
    say(catalog.catalogId);
    break;
  }
  case 'commit': {
    await using catalog = await openSqliteCatalog({ path: task.path, clock });
    for (const ingest of task.ingests) say(await commit(catalog, ingest));
    break;
  }
  case 'kill': {
    const { point } = task;
    const faults = {
      reach: (name: string): void => {
        if (name === point) process.kill(process.pid, 'SIGKILL');
      },
    };
    await using catalog = await openSqliteCatalog({ path: task.path, clock, faults });
    say(await commit(catalog, task.ingest));
    break;
  }
  case 'store': {
    await using catalog = await openSqliteCatalog({ path: task.path, clock });
    await storeForEver(catalog, task);
    break;
  }
  case 'lock': {
    const lock = await createIngestLocks({ folder: task.folder }).acquire(task.ingestId);
    say(lock === undefined ? 'taken' : 'held');
    if (lock === undefined) break;
    // Until somebody writes, or kills.
    process.stdin.once('data', () => {
      void lock[Symbol.asyncDispose]().then(() => process.exit(0));
    });
  }
}

function parseTask(text: string | undefined): ChildTask {
  return JSON.parse(text ?? '') as ChildTask;
}

/** Only now: the user may not be allowed to read the program. */
function become(uid: number): void {
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function commit(catalog: SqlCatalog, spec: IngestSpec): Promise<unknown> {
  const { ingestId } = await catalog.createIngest(spec);
  await catalog.moveIngest({ ingestId, from: ['PLANNING'], to: 'RUNNING' });
  await catalog.moveIngest({ ingestId, from: ['RUNNING'], to: 'FINALIZING' });
  const key = `${spec.artifact.entity}/manifests/${ingestId}-1`;
  const result = await catalog.commitIngest({
    ingestId,
    fence: 1,
    digest: ingestId,
    entryCount: 1,
    sizeBytes: 1,
    placement: 'p',
    manifest: { key, sizeBytes: 1, footerBytes: 1, footerCrc32: 1 },
  });
  return result.kind === 'committed' ? result.version.index : result.kind;
}

/** Packs of new blobs, one after the other, until the process is killed. */
async function storeForEver(
  catalog: SqlCatalog,
  { ingest: spec, count }: { ingest: IngestSpec; count: number },
): Promise<never> {
  const { entity } = spec.artifact;
  const ingest = await catalog.createIngest(spec);
  const slice = { sourceIndex: 0, listKey: 'l', listSkip: 0, listCount: 1, layer: 1 };
  const [shard] = await catalog.addShards(ingest, [slice]);
  const shardId = shard?.shardId ?? 0;
  await catalog.startShard({ shardId, fence: 1 });
  for (let pack = 0; ; pack++) {
    const key = `${entity}/packs/${ingest.ingestId}-${pack}`;
    const owner = { ingestId: ingest.ingestId, shardId, attempt: 1 };
    const objectId = await catalog.announceObject({ entity, key, kind: 'pack', ...owner });
    const digests = crypto.getRandomValues(new Uint8Array(count * 16));
    const offsets = Float64Array.from({ length: count }, (_, row) => row * 10);
    const blobs = { digests, offsets, lengths: new Float64Array(count).fill(10) };
    await catalog.recordObject({ objectId, entity, algorithm: 'MD5', sizeBytes: count * 10 + 9, blobs });
    if (pack === 0) say('storing');
  }
}
