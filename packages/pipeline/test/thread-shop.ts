import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BatchAnswer,
  type BatchQuestion,
  DIGEST_BYTES,
  encodeNames,
  type IngestBatchOutput,
  type IngestLargeOutput,
  type SourceFile,
  type StatCacheReader,
} from '@waybill/core';
import { createContentHasher } from '@waybill/hashing';
import { createSegmentFiles } from '@waybill/manifest-file';
import { createIngestTasks, type IngestThreadPorts } from '@waybill/pipeline';
import { createSourceFiles } from '@waybill/store-fs';

/** Something done to the sources at a moment of their reading. */
type Meddle = (file: { path: string; times: number }) => void;

/** The ingest tasks of a thread, run here over real files that change at chosen moments. */
export interface ThreadShop extends Disposable {
  readonly folder: string;
  path(name: string): string;
  write(name: string, content: string | Uint8Array): void;
  /** What was written into packs and drafts, one behind the other. */
  readonly stored: Buffer[];
  batch(names: readonly string[], how?: { meddle?: Meddlers; cached?: boolean }): Promise<IngestBatchOutput>;
  large(
    name: string,
    how?: { meddle?: Meddlers; counter?: SharedArrayBuffer; mates?: readonly string[] },
  ): IngestLargeOutput;
}

/** `open` is called before a file is opened, `read` behind each reading of bytes; `times` counts from one. */
interface Meddlers {
  readonly open?: Meddle;
  readonly read?: Meddle;
}

const CONTEXT = {
  entryPrefix: '',
  mode: 'store',
  algorithm: 'MD5',
  entity: 'local',
  useStatCache: true,
  ingestSequence: 1,
} as const;
/** A cache that remembers something, though nothing of what it is asked for. */
const EMPTY_CACHE: StatCacheReader = {
  openRange: () => ({ isEmpty: false, find: () => undefined, [Symbol.dispose]: () => undefined }),
  encodeRows: () => new Uint8Array(0),
};

export async function openThreadShop(): Promise<ThreadShop> {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-thread-'));
  const hasher = await createContentHasher();
  const stored: Buffer[] = [];
  const tasks = (how: { meddle?: Meddlers; cached?: boolean }): ReturnType<typeof createIngestTasks> =>
    createIngestTasks({
      hasher,
      files: meddledFiles(how.meddle ?? {}),
      segments: createSegmentFiles(),
      drafts: { write: (_path, _offset, chunks) => void stored.push(Buffer.concat(chunks)) },
      statCache: how.cached === true ? EMPTY_CACHE : undefined,
      clock: { nowMs: () => Date.now() },
      faults: { reach: () => undefined },
    });
  const path = (name: string): string => join(folder, name);
  return {
    folder,
    path,
    stored,
    write: (name, content) => writeFileSync(path(name), content),
    batch: (names, how = {}) => {
      const input = { ...CONTEXT, root: folder, names: encodeNames(names), byteBudget: 1e9 };
      return tasks(how).ingestBatch(input, async (question) => answer(question));
    },
    large: (name, how = {}) => {
      const { counter = new SharedArrayBuffer(8), mates = [] } = how;
      const file = { name, path: path(name), sizeBytes: 1, draftPath: 'draft', counter };
      const others = mates.map((mate) => ({
        name: mate,
        path: path(mate),
        sizeBytes: 1,
        counter: new SharedArrayBuffer(8),
      }));
      const input = { ...CONTEXT, root: folder, files: [file, ...others] };
      return tasks(how).ingestLarge(input, { throwIfAborted: () => undefined });
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A shard that wants everything stored. */
function answer(question: BatchQuestion): BatchAnswer {
  switch (question.kind) {
    case 'proven':
      return { kind: 'proven', ingests: [] };
    case 'present':
      return { kind: 'present', present: new Uint8Array(question.digests.length / DIGEST_BYTES) };
    case 'claim': {
      const wanted = new Uint8Array(question.lengths.length).fill(1);
      return { kind: 'claim', wanted, region: { packIndex: 0, draftPath: 'pack', offset: 0 } };
    }
  }
}

function meddledFiles({ open, read }: Meddlers): IngestThreadPorts['files'] {
  const files = createSourceFiles();
  const opened = new Map<string, number>();
  const reads = new Map<string, number>();
  return {
    stat: (path) => files.stat(path),
    open: (path) => {
      const times = (opened.get(path) ?? 0) + 1;
      opened.set(path, times);
      open?.({ path, times });
      const source = files.open(path);
      const meddled: SourceFile = {
        stat: () => source.stat(),
        read: (target) => {
          const length = source.read(target);
          const readTimes = (reads.get(path) ?? 0) + 1;
          reads.set(path, readTimes);
          read?.({ path, times: readTimes });
          return length;
        },
        [Symbol.dispose]: () => source[Symbol.dispose](),
      };
      return meddled;
    },
  };
}
