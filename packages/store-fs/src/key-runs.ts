import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { compareUtf8 } from '@waybill/core';
import { fileError } from './file-errors.ts';
import type { KeyRun } from './walk-request.ts';

/** Bytes read of a run at once. */
const WINDOW_BYTES = 32_768;
const NUL = 0;

/** Writes sorted runs of keys, each ended by NUL, one behind the other into one scratch file. */
export class KeyRunWriter implements Disposable {
  readonly path: string;
  readonly runs: KeyRun[] = [];
  readonly #file: number;
  #end = 0;

  constructor(scratchFolder: string) {
    this.path = `${scratchFolder}/keys-${randomBytes(10).toHex()}`;
    try {
      mkdirSync(scratchFolder, { recursive: true });
      this.#file = openSync(this.path, 'wx');
    } catch (error) {
      throw fileError(error, `make the scratch file ${this.path}`, this.path);
    }
  }

  /** Keys in order. */
  add(keys: readonly string[]): void {
    if (keys.length === 0) return;
    const bytes = Buffer.from(`${keys.join('\0')}\0`);
    try {
      for (let at = 0; at < bytes.length; ) {
        at += writeSync(this.#file, bytes, at, bytes.length - at, this.#end + at);
      }
    } catch (error) {
      throw fileError(error, `sort a large folder in ${this.path}`, this.path);
    }
    this.runs.push({ start: this.#end, end: this.#end + bytes.length });
    this.#end += bytes.length;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** Takes the next keys of sorted runs, merged; an equal one is taken once. */
export function mergeKeyRuns(merge: {
  file: string;
  runs: readonly KeyRun[];
  /** Passed over when it comes again. */
  after: string | undefined;
  count: number;
}): { keys: string[]; runs: KeyRun[] } {
  const file = openRuns(merge.file);
  try {
    const heap = new CursorHeap(merge.runs.map((run) => new RunCursor(file, merge.file, run)));
    const keys: string[] = [];
    let last = merge.after;
    for (let first = heap.first; first !== undefined && keys.length < merge.count; first = heap.first) {
      if (first.key !== last) keys.push(first.key);
      last = first.key;
      heap.advance();
    }
    return { keys, runs: heap.remaining() };
  } finally {
    closeSync(file);
  }
}

/** Removes a scratch file whose keys are all taken. */
export function removeKeyRuns(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // The walk's whole scratch folder goes at its end.
  }
}

function openRuns(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw fileError(error, `read the scratch file ${path}`, path);
  }
}

/** The next key of one run. */
class RunCursor {
  key = '';
  readonly #file: number;
  readonly #path: string;
  readonly #end: number;
  /** Position in the file of `key`, and of what follows it. */
  #start: number;
  #next: number;
  #window = Buffer.alloc(0);
  #windowStart = 0;

  constructor(file: number, path: string, run: KeyRun) {
    this.#file = file;
    this.#path = path;
    this.#end = run.end;
    this.#start = run.start;
    this.#next = run.start;
  }

  /** What of the run is not taken yet. */
  get rest(): KeyRun {
    return { start: this.#start, end: this.#end };
  }

  /** Goes to the next key; `false` at the end of the run. */
  advance(): boolean {
    this.#start = this.#next;
    if (this.#start >= this.#end) return false;
    let end = this.#window.indexOf(NUL, this.#start - this.#windowStart);
    if (end === -1) {
      this.#fill();
      end = this.#window.indexOf(NUL);
      if (end === -1) throw fileError(new Error('it was cut short'), `read ${this.#path}`, this.#path);
    }
    this.key = this.#window.toString('utf8', this.#start - this.#windowStart, end);
    this.#next = this.#windowStart + end + 1;
    return true;
  }

  /** A window from the next key on; no key is longer than a window. */
  #fill(): void {
    const bytes = Math.min(WINDOW_BYTES, this.#end - this.#start);
    if (this.#window.length < bytes) this.#window = Buffer.alloc(bytes);
    try {
      this.#window = this.#window.subarray(0, readSync(this.#file, this.#window, 0, bytes, this.#start));
    } catch (error) {
      throw fileError(error, `read the scratch file ${this.#path}`, this.#path);
    }
    this.#windowStart = this.#start;
  }
}

/** Cursors with the least key first. */
class CursorHeap {
  readonly #cursors: RunCursor[] = [];

  constructor(cursors: readonly RunCursor[]) {
    for (const cursor of cursors) if (cursor.advance()) this.#cursors.push(cursor);
    this.#cursors.sort((a, b) => compareUtf8(a.key, b.key));
  }

  get first(): RunCursor | undefined {
    return this.#cursors[0];
  }

  remaining(): KeyRun[] {
    return this.#cursors.map((cursor) => cursor.rest);
  }

  /** Moves the first cursor on and puts it where it belongs now. */
  advance(): void {
    const moved = this.#cursors[0];
    if (moved === undefined) return;
    if (moved.advance()) {
      this.#sink(moved);
      return;
    }
    const last = this.#cursors.pop();
    if (last !== undefined && last !== moved) this.#sink(last);
  }

  /** Puts a cursor at the top and lets it sink below lesser ones. */
  #sink(cursor: RunCursor): void {
    let at = 0;
    for (;;) {
      const left = this.#cursors[2 * at + 1];
      const right = this.#cursors[2 * at + 2];
      if (left === undefined) break;
      const rightIsLess = right !== undefined && compareUtf8(right.key, left.key) < 0;
      const child = rightIsLess ? right : left;
      if (compareUtf8(child.key, cursor.key) >= 0) break;
      this.#cursors[at] = child;
      at = rightIsLess ? 2 * at + 2 : 2 * at + 1;
    }
    this.#cursors[at] = cursor;
  }
}
