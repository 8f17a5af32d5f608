import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createIngestLocks, openSqliteCatalog } from '@waybill/catalog';
import { ArtifactError, type HashPool } from '@waybill/core';
import { createDigests, createThreadPool, HashPermits, processorCount } from '@waybill/hashing';
import {
  createExternalSort,
  createManifestFiles,
  createManifestTexts,
  createSegmentFiles,
} from '@waybill/manifest-file';
import type { OperationPorts } from '@waybill/operations';
import type { PipelinePorts } from '@waybill/pipeline';
import {
  createCheckoutRecords,
  createDraftWriter,
  createGlobs,
  createLocalSource,
  createTargetTree,
  type Disk,
  openFolderStore,
} from '@waybill/store-fs';
import { systemClock, systemRandom } from './environment.ts';
import { createFaultPoints, type FaultPlan } from './fault-points.ts';
import { LazyPool } from './lazy-pool.ts';
import { Scratch } from './scratch.ts';
import type { ThreadSetup } from './thread-setup.ts';
import { ThreadStatCache } from './thread-stat-cache.ts';

export interface EmbeddedOptions {
  /** Absolute folder of catalog and caches, and of the store unless `storeFolder` says otherwise. */
  readonly home: string;
  readonly storeFolder?: string | undefined;
  /** Threads that compute; as many as the process may use unless given. */
  readonly threads?: number | undefined;
  /** Start the threads at once, beside everything else: for callers who are going to need them. */
  readonly startThreads?: boolean | undefined;
  /** Told what a person should know and no call can answer: a cache that was thrown away. */
  readonly onWarning?: (message: string) => void;
  readonly faultPlan?: FaultPlan | undefined;
  /** For tests: a disk that can lose what was not synced. */
  readonly disk?: Disk | undefined;
}

/** Everything of the embedded mode, as the ports of stages and use cases. */
export interface Embedded extends PipelinePorts, OperationPorts, AsyncDisposable {
  readonly catalog: PipelinePorts['catalog'] & OperationPorts['catalog'];
}

/**
 * Opens the embedded mode: a SQLite catalog in the home folder, a folder as store, threads in this process. Threads,
 * stat cache and scratch folder appear with their first use.
 *
 * @throws ArtifactError `CORRUPT`, `TOO_NEW`, `PERMISSION`, `UNSUPPORTED` (catalog on a network file system),
 * `STATE_CONFLICT` when the store belongs to another catalog
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { home } = options;
  const storeFolder = options.storeFolder ?? join(home, 'store');
  const faults = createFaultPoints(options.faultPlan);
  await using opened = new AsyncDisposableStack();
  makeHome(home);
  const statCacheFile = join(home, 'cache', 'stat.db');
  const pool = opened.use(lazyPool(options, { storeFolder, statCacheFile }));
  if (options.startThreads === true) pool.start();
  const catalog = opened.use(
    await openSqliteCatalog({ path: join(home, 'catalog.db'), clock: systemClock, faults }),
  );
  const store = opened.use(
    await openFolderStore({
      folder: storeFolder,
      random: systemRandom,
      faults,
      ...(options.disk === undefined ? {} : { disk: options.disk }),
    }),
  );
  await claimStore({ home, catalogId: catalog.catalogId, store });
  const statCache = opened.use(
    new ThreadStatCache({
      path: statCacheFile,
      catalogId: catalog.catalogId,
      pool,
      warn: (message) => options.onWarning?.(message),
    }),
  );
  pool.prepare(() => statCache.prepare());
  const scratch = opened.use(new Scratch());
  const ownFolders = [realpathSync(home), realpathSync(storeFolder)];
  const ports = {
    catalog,
    index: catalog,
    store,
    statCache,
    pool,
    faults,
    drafts: createDraftWriter({ faults }),
    segments: createSegmentFiles(),
    manifests: createManifestFiles(),
    texts: createManifestTexts(),
    sort: createExternalSort(),
    source: createLocalSource({
      run: (input, run) => pool.run('walk', input, run),
      ownFolders,
      get scratchFolder(): string {
        return scratch.folder;
      },
    }),
    targets: createTargetTree(),
    ownFolders,
    checkouts: createCheckoutRecords({ file: join(home, 'checkouts') }),
    locks: createIngestLocks({ folder: join(home, 'locks') }),
    globs: createGlobs(),
    digests: await createDigests(),
    clock: systemClock,
    random: systemRandom,
    get scratchFolder(): string {
      return scratch.folder;
    },
  };
  const owned = opened.move();
  return Object.assign(ports, { [Symbol.asyncDispose]: () => owned.disposeAsync() });
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true });
  } catch (cause) {
    const isFile = statSync(home, { throwIfNoEntry: false })?.isDirectory() === false;
    const problem = isFile ? 'is a file' : 'cannot be made';
    throw new ArtifactError(
      isFile ? 'INVALID_ARGUMENT' : 'PERMISSION',
      `the home folder ${home} ${problem}; set WAYBILL_HOME to a folder of yours`,
      { cause, details: { subject: home } },
    );
  }
}

async function claimStore(of: {
  home: string;
  catalogId: string;
  store: Pick<PipelinePorts['store'], 'claim' | 'description'>;
}): Promise<void> {
  const owner = await of.store.claim(of.catalogId);
  if (owner === of.catalogId) return;
  throw new ArtifactError(
    'STATE_CONFLICT',
    `the store (${of.store.description}) belongs to another catalog than the one in ${of.home}: each would take the ` +
      "other's contents for garbage; set WAYBILL_HOME to the home the store was made with, or WAYBILL_STORE to another folder",
  );
}

function lazyPool(options: EmbeddedOptions, setup: { storeFolder: string; statCacheFile: string }): LazyPool {
  return new LazyPool({
    cpus: options.threads ?? processorCount(),
    start: async (): Promise<HashPool> => {
      const permits = HashPermits.create(options.threads ?? processorCount());
      const { storeFolder, statCacheFile } = setup;
      const workerData: ThreadSetup = {
        storeFolder,
        statCacheFile,
        permits: permits.shared,
        faultPlan: options.faultPlan,
      };
      const module = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js';
      return createThreadPool({
        filename: new URL(module, import.meta.url),
        workerData,
        permits,
        ...(options.threads === undefined ? {} : { threads: options.threads }),
      });
    },
  });
}
