import {
  type HashPool,
  type IngestLargeInput,
  type LargeResult,
  LIMITS,
  type ObjectDraft,
} from '@waybill/core';
import { describe, expect, it } from 'vitest';
import { LargeFileQueue } from '../src/large-file-queue.ts';
import { type IngestProgress, ProgressMeter } from '../src/progress.ts';

const CONTEXT = {
  root: '/data',
  entryPrefix: '',
  mode: 'store',
  algorithm: 'MD5',
  entity: 'local',
  useStatCache: false,
  ingestSequence: 1,
} as const;
const FRAME = { bytes: new Uint8Array(0), entryCount: 1, firstPath: 'a', lastPath: 'a' };
const CHANGED = { severity: 'failed', reason: 'changed', path: '/data/a', message: 'kept changing' } as const;

/** A queue over a pool whose large tasks answer what `hash` says, and the drafts that are still open. */
function queueOver(options: { cpus: number; hash: (input: IngestLargeInput) => LargeResult[] }) {
  const drafts = new Set<string>();
  const groups: string[][] = [];
  const pool: Pick<HashPool, 'cpus' | 'concurrency' | 'run'> = {
    cpus: options.cpus,
    concurrency: options.cpus,
    run: async (_task, input) => {
      const large = input as IngestLargeInput;
      groups.push(large.files.map(({ name }) => name));
      return { results: options.hash(large) } as never;
    },
  };
  const createDraft = async (): Promise<ObjectDraft> => {
    const path = `draft-${drafts.size}-${Math.random()}`;
    drafts.add(path);
    return {
      path,
      flush: () => undefined,
      publish: async () => undefined,
      [Symbol.asyncDispose]: async () => void drafts.delete(path),
    };
  };
  const ports = { pool: pool as HashPool, store: { createDraft } as never };
  const queue = new LargeFileQueue({ ...ports, signal: new AbortController().signal });
  const add = (name: string, sizeBytes: number) =>
    queue.add({
      context: CONTEXT,
      ingestId: 'i',
      file: { name, path: `/data/${name}`, sizeBytes },
      counter: new SharedArrayBuffer(8),
    });
  return { add, drafts, groups };
}

function hashed(sizeBytes: number): LargeResult {
  return {
    kind: 'hashed',
    digest: new Uint8Array(16),
    sizeBytes,
    frame: FRAME,
    cacheRows: new Uint8Array(0),
  };
}

describe('a large file that changes while it is read', () => {
  it('is read again into a new draft, and its last content counts', async () => {
    let attempts = 0;
    const { add, drafts } = queueOver({
      cpus: 2,
      hash: () => [++attempts === 1 ? { kind: 'failed', notice: CHANGED } : hashed(11)],
    });
    const { result, draft } = await add('a', 10);
    expect(result).toMatchObject({ kind: 'hashed', sizeBytes: 11 });
    expect([...drafts]).toEqual([draft?.path]);
    expect(attempts).toBe(2);
  });

  it('again and again fails, with nothing left of it', async () => {
    let attempts = 0;
    const { add, drafts } = queueOver({
      cpus: 2,
      hash: () => {
        attempts++;
        return [{ kind: 'failed', notice: CHANGED }];
      },
    });
    expect(await add('a', 10)).toEqual({ result: { kind: 'failed', notice: CHANGED }, draft: undefined });
    expect(attempts).toBe(LIMITS.readAttempts);
    expect(drafts.size).toBe(0);
  });
});

describe('large files are grouped', () => {
  const MIB = 1_048_576;
  const all = (input: IngestLargeInput): LargeResult[] =>
    input.files.map(({ sizeBytes }) => hashed(sizeBytes));

  async function firstGroup(cpus: number, sizes: readonly number[]): Promise<number[]> {
    const { add, groups } = queueOver({ cpus, hash: all });
    await Promise.all(sizes.map((size, index) => add(`${index}`, size * MIB)));
    expect(groups.flat()).toHaveLength(sizes.length);
    return (groups[0] ?? []).map((name) => sizes[Number(name)] ?? 0);
  }

  it.each([
    {
      what: 'equal files fill the lanes of all threads',
      cpus: 2,
      sizes: [8, 40],
      first: { size: 8, count: 20 },
    },
    {
      what: 'no more at once than the lanes can use',
      cpus: 2,
      sizes: [8, 200],
      first: { size: 8, count: 32 },
    },
    {
      what: 'one that outlasts all the rest is alone',
      cpus: 2,
      big: 1_024,
      sizes: [8, 200],
      first: { size: 1_024, count: 1 },
    },
    {
      what: 'one that does not has company',
      cpus: 2,
      big: 1_024,
      sizes: [8, 800],
      first: { size: 1_024, count: 32 },
    },
    {
      what: 'one thread does not leave its lanes empty',
      cpus: 1,
      big: 64,
      sizes: [8, 9],
      first: { size: 64, count: 10 },
    },
    { what: 'few files have a thread each', cpus: 4, sizes: [8, 3], first: { size: 8, count: 1 } },
  ] as const)('so that $what', async ({ cpus, sizes: [size, count], first, ...rest }) => {
    const sizes = new Array<number>(count).fill(size);
    if ('big' in rest) sizes.splice(count / 2, 0, rest.big);
    const group = await firstGroup(cpus, sizes);
    expect(group[0]).toBe(first.size);
    expect(group).toHaveLength(first.count);
  });
});

describe('progress of a large file', () => {
  function meter() {
    const seen: IngestProgress[] = [];
    const start = { ingestId: 'i', state: 'RUNNING', plannedFiles: 2, planned: true } as const;
    const counts = { files: 1, bytes: 5, filesHashed: 1, bytesHashed: 5 };
    let nowMs = 1_000;
    const progress = new ProgressMeter({
      clock: { nowMs: () => (nowMs += 1_000) },
      onProgress: (state) => seen.push(state),
      start: { ...start, ...counts },
    });
    return { progress, seen };
  }

  it('shows while nobody reports anything, and ends with exact counts', async () => {
    const { progress, seen } = meter();
    const followed = progress.followLarge({ sizeBytes: 100 });
    new BigInt64Array(followed.counter)[0] = 40n;
    await expect
      .poll(() => seen.at(-1))
      .toMatchObject({ files: 1, bytes: 45, bytesHashed: 45, bytesTotal: 105 });
    // The file had grown when it was read anew.
    new BigInt64Array(followed.counter)[0] = 110n;
    followed.finish({ files: 1, bytes: 110, filesHashed: 1, bytesHashed: 110 });
    followed[Symbol.dispose]();
    expect(seen.at(-1)).toMatchObject({ files: 2, filesHashed: 2, bytes: 115, bytesHashed: 115 });
  });

  it('is taken back when the file fails, and the meter tells nothing more by itself', async () => {
    const { progress, seen } = meter();
    const followed = progress.followLarge({ sizeBytes: 100 });
    new BigInt64Array(followed.counter)[0] = 40n;
    followed[Symbol.dispose]();
    progress.enter('RUNNING');
    expect(seen.at(-1)).toMatchObject({ files: 1, bytes: 5, bytesHashed: 5 });
    const told = seen.length;
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(seen).toHaveLength(told);
  });

  it('gives no total before every file was looked at', () => {
    const { progress, seen } = meter();
    progress.addPlanned(1);
    progress.followLarge({ sizeBytes: 100 });
    progress.enter('RUNNING');
    expect(seen.at(-1)?.bytesTotal).toBeUndefined();
    progress[Symbol.dispose]();
  });
});
