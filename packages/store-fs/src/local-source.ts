import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type CallOptions,
  type EncodedNames,
  encodeNames,
  type IngestOptions,
  type IngestSource,
  type LocalSource,
  type NewNotice,
  quotePath,
  throwIfCancelled,
  type WalkChunk,
} from '@waybill/core';
import { identityAt } from './folder-identity.ts';
import { createGlobs } from './globs.ts';
import { IgnoreScope } from './ignore-scope.ts';
import { NameFilter } from './name-filter.ts';
import { resolveSource } from './resolve-source.ts';
import { createSourceFiles } from './source-files.ts';
import { unreadable, unusableName } from './walk-notices.ts';
import { WALK_LIMITS, type WalkLimits, type WalkRules } from './walk-request.ts';
import { type RunWalk, WalkSchedule } from './walk-schedule.ts';

export interface LocalSourceOptions {
  /** Runs the thread task `walk`: `walkInThread` there. */
  readonly run: RunWalk;
  /** Local folder for names of folders too large to sort in memory. Made when needed; a walk removes what it puts there. */
  readonly scratchFolder: string;
  /** Absolute folders Waybill itself writes into (its home, its store): left out of walks, refused as sources. */
  readonly ownFolders?: readonly string[];
  /** For tests. */
  readonly limits?: Partial<WalkLimits>;
}

type WalkOptions = Pick<IngestOptions, 'include' | 'exclude' | 'followLinks'> & CallOptions;

/** Local files and folders as sources of an ingest. */
export function createLocalSource(options: LocalSourceOptions): LocalSource {
  const { ownFolders = [] } = options;
  const limits = { ...WALK_LIMITS, ...options.limits };
  return {
    resolve: async (given, { into, workingFolder, signal }) => {
      throwIfCancelled(signal);
      return resolveSource(given, { into, workingFolder, ownFolders });
    },
    walk: (source, walkOptions) => {
      const rules = rulesOf(source, walkOptions);
      if (source.kind === 'file') return walkFile(source, rules);
      return walkFolder({ ...options, ownFolders, limits, source, rules, signal: walkOptions.signal });
    },
  };
}

function rulesOf(source: IngestSource, options: WalkOptions): WalkRules {
  // Here already, so that a pattern that cannot be used fails before any work.
  createGlobs().compile([...options.include, ...options.exclude]);
  return {
    entryPrefix: source.into === '' ? '' : `${source.into}/`,
    include: options.include,
    exclude: options.exclude,
    followLinks: options.followLinks && source.mode !== 'reference',
  };
}

/** One file: its folder is the root, and it is the only name. */
async function* walkFile(source: IngestSource, rules: WalkRules): AsyncGenerator<WalkChunk> {
  const name = basename(source.path);
  const filter = new NameFilter(rules);
  if (filter.drops(name, new IgnoreScope([]))) return;
  const notice = fileNotice(source.path, filter.problem(name));
  yield notice === undefined
    ? { names: encodeNames([name]), count: 1, notices: [] }
    : { names: new Uint8Array(0), count: 0, notices: [notice] };
}

function fileNotice(path: string, problem: string | undefined): NewNotice | undefined {
  if (problem !== undefined) return unusableName(path, 'invalid-path', problem);
  try {
    const found = createSourceFiles().stat(path);
    if (found?.kind === 'file') return undefined;
    const message = `${quotePath(path)} is no file any more; put it back and run the command again`;
    return { severity: 'failed', reason: 'vanished', path, message };
  } catch (error) {
    return unreadable(path, error);
  }
}

interface FolderWalk {
  readonly run: RunWalk;
  readonly scratchFolder: string;
  readonly ownFolders: readonly string[];
  readonly limits: WalkLimits;
  readonly source: IngestSource;
  readonly rules: WalkRules;
  readonly signal: AbortSignal | undefined;
}

async function* walkFolder(walk: FolderWalk): AsyncGenerator<WalkChunk> {
  const { limits, rules, signal } = walk;
  const scratchFolder = join(walk.scratchFolder, `walk-${randomBytes(10).toHex()}`);
  const slice = { kind: 'folder', folder: '', ignoreFiles: [] } as const;
  const ownFolders = walk.ownFolders.map(identityAt);
  const request = { root: walk.source.path, rules, limits, scratchFolder, ownFolders, slice };
  const schedule = new WalkSchedule({ run: walk.run, request, signal });
  const merger = new ChunkMerger(limits.batchEntries);
  try {
    for (;;) {
      throwIfCancelled(signal);
      const answer = await schedule.next();
      if (answer === undefined) break;
      const noticed = merger.addNotices(answer.notices);
      if (noticed !== undefined) yield noticed;
      for (const chunk of answer.chunks) {
        const full = merger.add(chunk);
        if (full !== undefined) yield full;
      }
    }
    const last = merger.take();
    if (last !== undefined) yield last;
  } finally {
    await schedule.stop();
    await rm(scratchFolder, { recursive: true, force: true });
  }
}

/** Joins the small chunks at the edges of slices, so that batches are full. */
class ChunkMerger {
  readonly #chunkNames: number;
  #names: EncodedNames[] = [];
  #count = 0;
  #notices: NewNotice[] = [];

  constructor(chunkNames: number) {
    this.#chunkNames = chunkNames;
  }

  /** Answers what was collected, these included, when there are many. */
  addNotices(notices: readonly NewNotice[]): WalkChunk | undefined {
    for (const notice of notices) this.#notices.push(notice);
    return this.#notices.length > this.#chunkNames ? this.take() : undefined;
  }

  /** Answers what was collected before when the chunk does not fit any more. */
  add(chunk: { names: EncodedNames; count: number }): WalkChunk | undefined {
    const full = this.#count + chunk.count > this.#chunkNames ? this.take() : undefined;
    this.#names.push(chunk.names);
    this.#count += chunk.count;
    return full;
  }

  take(): WalkChunk | undefined {
    if (this.#count === 0 && this.#notices.length === 0) return undefined;
    const chunk = { names: joinNames(this.#names), count: this.#count, notices: this.#notices };
    this.#names = [];
    this.#count = 0;
    this.#notices = [];
    return chunk;
  }
}

function joinNames(parts: readonly EncodedNames[]): EncodedNames {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const separated = parts.flatMap((part, index) => (index === 0 ? [part] : [SEPARATOR, part]));
  const joined = new Uint8Array(separated.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of separated) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const SEPARATOR = new Uint8Array(1);
