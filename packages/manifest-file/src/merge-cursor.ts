import { compareUtf8, invariant, type SegmentRow } from '@waybill/core';
import { MinHeap } from './min-heap.ts';
import type { FrameSource, SourcedFrame } from './segment-source.ts';

/** Where a cursor's rows stand among those of other cursors. */
export interface CursorPlace {
  readonly layer: number;
  /** Order in which the segments came: the last resort when rows are equal. */
  readonly ordinal: number;
  /** How often the rows were written out on the way here: 0 for a segment. */
  readonly generation: number;
}

/** One row that several cursors may have, and where it comes from. */
export interface MergeMember {
  readonly row: SegmentRow;
  readonly layer: number;
  readonly sourceIndex: number;
  readonly ordinal: number;
}

/** A position in a segment or a run that stands on a row. */
export class MergeCursor {
  readonly place: CursorPlace;
  readonly #source: FrameSource;
  frame: SourcedFrame;
  #at = 0;
  /** Of the row it stands on; meaningless at the end of a frame. */
  path: string;

  private constructor(source: FrameSource, place: CursorPlace, frame: SourcedFrame) {
    this.#source = source;
    this.place = place;
    this.frame = frame;
    this.path = frame.rows[0]?.path ?? '';
  }

  static async start(source: FrameSource, place: CursorPlace): Promise<MergeCursor> {
    const frame = await source.next();
    invariant(frame !== undefined, 'SEG-10', 'a segment or run without rows was opened');
    return new MergeCursor(source, place, frame);
  }

  get at(): number {
    return this.#at;
  }

  /** Moves inside the frame; false when that leaves the frame and {@link nextFrame} must be awaited. */
  moveTo(at: number): boolean {
    this.#at = at;
    const row = this.frame.rows[at];
    if (row === undefined) return false;
    this.path = row.path;
    return true;
  }

  /** False at the end. */
  async nextFrame(): Promise<boolean> {
    const frame = await this.#source.next();
    if (frame === undefined) return false;
    this.frame = frame;
    return this.moveTo(0);
  }

  get member(): MergeMember {
    const { layer, ordinal } = this.place;
    const row = this.frame.rows[this.#at];
    invariant(row !== undefined, 'SEG-11', 'a merge cursor stands on no row');
    return { row, layer, ordinal, sourceIndex: sourceOf(this.frame, this.#at) };
  }

  /** Index of the first row of the frame, from the current one on, whose path is not before `bound`. */
  findBound(bound: string): number {
    const { rows } = this.frame;
    const isBefore = (index: number): boolean => compareUtf8(rows[index]?.path ?? '', bound) < 0;
    // Disjoint segments are the normal case: the whole frame lies before the bound.
    if (isBefore(rows.length - 1)) return rows.length;
    let step = 1;
    let low = this.#at;
    while (low + step < rows.length && isBefore(low + step - 1)) {
      low += step;
      step *= 2;
    }
    let high = Math.min(low + step, rows.length);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function sourceOf(frame: SourcedFrame, index: number): number {
  return typeof frame.sources === 'number' ? frame.sources : (frame.sources[index] ?? 0);
}

/** Some rows taken off a merge: consecutive ones that one cursor alone has, or one path with all who have it. */
export type MergePiece =
  | { readonly kind: 'run'; readonly frame: SourcedFrame; readonly from: number; readonly to: number }
  | { readonly kind: 'members'; readonly members: readonly MergeMember[] };

/** Cursors in the order of the paths they stand on. */
export class CursorMerge {
  readonly #heap = new MinHeap<MergeCursor>(comesBefore);
  readonly #atEndOfFrame: MergeCursor[] = [];

  get size(): number {
    return this.#heap.size;
  }

  get nextPath(): string | undefined {
    return this.#heap.peek()?.path;
  }

  get places(): readonly CursorPlace[] {
    return this.#heap.items.map(({ place }) => place);
  }

  /** Whether {@link refill} must be awaited before anything else is asked. */
  get needsRefill(): boolean {
    return this.#atEndOfFrame.length > 0;
  }

  async refill(): Promise<void> {
    for (const cursor of this.#atEndOfFrame.splice(0)) {
      if (await cursor.nextFrame()) this.add(cursor);
    }
  }

  add(cursor: MergeCursor): void {
    this.#heap.push(cursor);
  }

  /** Takes out the cursors whose place passes the test. */
  remove(test: (place: CursorPlace) => boolean): MergeCursor[] {
    return this.#heap.remove(({ place }) => test(place));
  }

  /** The next rows, none of them at or behind `bound`, which is behind {@link nextPath}. */
  take(bound: string | undefined): MergePiece {
    const top = this.#pop();
    const limit = earlier(this.nextPath, bound);
    const { frame, at: from, path } = top;
    const to = limit === undefined ? frame.rows.length : top.findBound(limit);
    if (to > from) {
      this.#move(top, to);
      return { kind: 'run', frame, from, to };
    }
    const members = [top.member];
    this.#move(top, from + 1);
    while (this.nextPath === path) {
      const same = this.#pop();
      members.push(same.member);
      this.#move(same, same.at + 1);
    }
    return { kind: 'members', members };
  }

  #move(cursor: MergeCursor, at: number): void {
    if (cursor.moveTo(at)) this.add(cursor);
    else this.#atEndOfFrame.push(cursor);
  }

  #pop(): MergeCursor {
    const top = this.#heap.pop();
    invariant(top !== undefined, 'SEG-12', 'a merge was asked beyond its end');
    return top;
  }
}

function comesBefore(a: MergeCursor, b: MergeCursor): boolean {
  const order = compareUtf8(a.path, b.path);
  return order === 0 ? a.place.ordinal < b.place.ordinal : order < 0;
}

export function earlier(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined) return b;
  return b === undefined || compareUtf8(a, b) <= 0 ? a : b;
}
