import {
  type CallOptions,
  compareUtf8,
  type Entry,
  invariant,
  isTombstone,
  type SegmentMerge,
  throwIfCancelled,
} from '@waybill/core';
import {
  CursorMerge,
  type CursorPlace,
  earlier,
  MergeCursor,
  type MergePiece,
  sourceOf,
} from './merge-cursor.ts';
import { collapse, type RunContext } from './merge-run.ts';
import { FolderGuard, resolvePath, SourceNames } from './path-conflicts.ts';
import { ScratchFolder } from './scratch-folder.ts';
import { queueLayers, type SegmentQueue } from './segment-queue.ts';
import { SegmentSource } from './segment-source.ts';

/** Entries of a block that is put together from single rows. */
const BLOCK_ENTRIES = 1_000;

/** A run of at least this many entries is a block of its own, not copied into another. */
const BLOCK_ENTRIES_MIN = 250;

export interface MergeOptions extends CallOptions {
  /** Segments and runs open at a time. */
  readonly fanIn: number;
}

/** See `SegmentFiles.merge`. */
export async function* mergeSegments(
  merge: SegmentMerge,
  options: MergeOptions,
): AsyncGenerator<readonly Entry[], void, undefined> {
  await using scratch = new ScratchFolder({ parent: merge.scratchFolder, purpose: 'merge' });
  const { signal } = options;
  const call = signal === undefined ? {} : { signal };
  const queues = await queueLayers(merge.segments, {
    scratch,
    open: async (ref) => SegmentSource.open(ref, merge.openSegment(ref), call),
  });
  const names = new SourceNames(merge.sourceNames);
  const reading = new OpenSegments({ queues, context: { scratch, names }, fanIn: options.fanIn });
  const blocks = new EntryBlocks(names);
  try {
    for (;;) {
      throwIfCancelled(signal);
      if (reading.isBehind) await reading.catchUp();
      const piece = reading.take();
      if (piece === undefined) break;
      blocks.add(piece);
      for (let block = blocks.shift(); block !== undefined; block = blocks.shift()) yield block;
    }
    const rest = blocks.finish();
    if (rest !== undefined) yield rest;
  } finally {
    await Promise.all(queues.map((queue) => queue.settle()));
  }
}

/** The segments the merge has reached and not yet left, and those it has not reached. */
class OpenSegments {
  readonly #queues: readonly SegmentQueue[];
  readonly #context: RunContext;
  readonly #fanIn: number;
  readonly #cursors = new CursorMerge();
  #openedCount = 0;

  constructor(from: { queues: readonly SegmentQueue[]; context: RunContext; fanIn: number }) {
    this.#queues = from.queues;
    this.#context = from.context;
    this.#fanIn = from.fanIn;
  }

  /** Whether {@link catchUp} must be awaited before the next rows can be taken. */
  get isBehind(): boolean {
    return this.#cursors.needsRefill || this.#dueQueue() !== undefined;
  }

  /** Reads on where a frame has ended, and opens every segment that begins before or with the next row. */
  async catchUp(): Promise<void> {
    await this.#cursors.refill();
    for (let due = this.#dueQueue(); due !== undefined; due = this.#dueQueue()) {
      if (this.#cursors.size >= this.#fanIn) await this.#collapseSome();
      const { ref, source } = await due.take();
      const place = { layer: ref.layer, ordinal: this.#openedCount++, generation: 0 };
      this.#cursors.add(await MergeCursor.start(source, place));
    }
  }

  /** Nothing at the end. */
  take(): MergePiece | undefined {
    if (this.#cursors.size === 0) return undefined;
    let bound: string | undefined;
    for (const queue of this.#queues) bound = earlier(bound, queue.nextPath);
    return this.#cursors.take(bound);
  }

  /** The queue whose next segment begins first, if the merge has reached it. */
  #dueQueue(): SegmentQueue | undefined {
    const reached = this.#cursors.nextPath;
    let due: SegmentQueue | undefined;
    for (const queue of this.#queues) {
      const path = queue.nextPath;
      if (path === undefined || earlier(reached, path) !== path) continue;
      if (due?.nextPath === undefined || compareUtf8(path, due.nextPath) < 0) due = queue;
    }
    return due;
  }

  /**
   * Makes room. Cursors of one layer become one run; those of the same generation first, so that long runs are not
   * copied again for every few segments that join them. One cursor of each layer stays open whatever the fan-in.
   */
  async #collapseSome(): Promise<void> {
    const chosen = chooseCollapse(this.#cursors.places);
    if (chosen === undefined) return;
    const cursors = this.#cursors.remove(chosen);
    invariant(cursors.length > 1, 'SEG-14', 'a single segment was to be merged with itself');
    this.#cursors.add(await collapse(cursors, this.#context));
  }
}

function chooseCollapse(places: readonly CursorPlace[]): ((place: CursorPlace) => boolean) | undefined {
  const largest = (key: (place: CursorPlace) => string): string | undefined => {
    const groups = Map.groupBy(places, key);
    const [group] = [...groups].sort(([, a], [, b]) => b.length - a.length);
    return group !== undefined && group[1].length > 1 ? group[0] : undefined;
  };
  for (const key of [
    ({ layer, generation }: CursorPlace) => `${layer}/${generation}`,
    ({ layer }: CursorPlace) => `${layer}`,
  ]) {
    const chosen = largest(key);
    if (chosen !== undefined) return (place) => key(place) === chosen;
  }
  return undefined;
}

/** Puts what comes off the merge together into blocks of entries, each path once. */
class EntryBlocks {
  readonly #names: SourceNames;
  readonly #guard: FolderGuard;
  #pending: Entry[] = [];
  readonly #ready: (readonly Entry[])[] = [];

  constructor(names: SourceNames) {
    this.#names = names;
    this.#guard = new FolderGuard(names);
  }

  add(piece: MergePiece): void {
    if (piece.kind === 'members') {
      const { row, sourceIndex } = resolvePath(piece.members, this.#names);
      if (!isTombstone(row)) this.#addEntry(row, sourceIndex);
      return;
    }
    const { frame, from, to } = piece;
    if (frame.entries !== undefined && !frame.nested && typeof frame.sources === 'number') {
      const isWhole = from === 0 && to === frame.entries.length;
      if (this.#addRun(isWhole ? frame.entries : frame.entries.slice(from, to), frame.sources)) return;
    }
    for (let index = from; index < to; index++) {
      const row = frame.rows[index];
      if (row !== undefined && !isTombstone(row)) this.#addEntry(row, sourceOf(frame, index));
    }
  }

  /** False when the entries must be looked at one by one. */
  #addRun(entries: readonly Entry[], sourceIndex: number): boolean {
    const [first, last] = [entries[0], entries.at(-1)];
    if (first === undefined || last === undefined) return true;
    if (!this.#guard.passRun(first, last, sourceIndex)) return false;
    if (entries.length < BLOCK_ENTRIES_MIN) {
      for (const entry of entries) this.#push(entry);
      return true;
    }
    this.#release();
    this.#ready.push(entries);
    return true;
  }

  #addEntry(entry: Entry, sourceIndex: number): void {
    this.#guard.pass(entry, sourceIndex);
    this.#push(entry);
  }

  #push(entry: Entry): void {
    this.#pending.push(entry);
    if (this.#pending.length >= BLOCK_ENTRIES) this.#release();
  }

  #release(): void {
    if (this.#pending.length === 0) return;
    this.#ready.push(this.#pending);
    this.#pending = [];
  }

  shift(): readonly Entry[] | undefined {
    return this.#ready.shift();
  }

  /** What is left when nothing more comes. */
  finish(): readonly Entry[] | undefined {
    this.#release();
    return this.#ready.shift();
  }
}
