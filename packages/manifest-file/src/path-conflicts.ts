import { ArtifactError, type Entry, isTombstone, quotePath, type SegmentRow } from '@waybill/core';
import type { MergeMember } from './merge-cursor.ts';

/** A path and where it comes from. */
export interface Sourced {
  readonly path: string;
  readonly sourceIndex: number;
}

/** Sources as messages name them. */
export class SourceNames {
  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  nameOf(sourceIndex: number): string {
    return this.#names[sourceIndex] ?? `source ${sourceIndex + 1}`;
  }

  conflict(problem: string, parties: readonly [Sourced, Sourced]): ArtifactError {
    const [a, b] = parties;
    return new ArtifactError('PATH_CONFLICT', problem, {
      details: {
        subject: a.path,
        paths: [a.path, b.path],
        sources: [this.nameOf(a.sourceIndex), this.nameOf(b.sourceIndex)],
      },
    });
  }
}

/**
 * The one row that stands for a path: of the highest layer. Within a layer all rows must agree; of equal ones a
 * stored file goes before a reference, then the earlier source.
 *
 * @throws ArtifactError `PATH_CONFLICT`
 */
export function resolvePath(members: readonly MergeMember[], names: SourceNames): MergeMember {
  const best = new Map<number, MergeMember>();
  let winner: MergeMember | undefined;
  for (const member of members) {
    const rival = best.get(member.layer);
    if (rival !== undefined && !isSame(rival.row, member.row)) throw twoContents(rival, member, names);
    if (rival === undefined || rank(member, rival) < 0) best.set(member.layer, member);
  }
  for (const member of best.values()) {
    if (winner === undefined || member.layer > winner.layer) winner = member;
  }
  if (winner === undefined) throw new ArtifactError('INTERNAL', 'no row was given for a path');
  return winner;
}

function isSame(a: SegmentRow, b: SegmentRow): boolean {
  if (isTombstone(a) || isTombstone(b)) return isTombstone(a) && isTombstone(b);
  return a.digest === b.digest;
}

function rank(a: MergeMember, b: MergeMember): number {
  const [aRef, bRef] = [isReference(a.row), isReference(b.row)];
  if (aRef !== bRef) return aRef ? 1 : -1;
  return a.sourceIndex - b.sourceIndex || a.ordinal - b.ordinal;
}

function isReference(row: SegmentRow): boolean {
  return !isTombstone(row) && row.ref !== undefined;
}

function twoContents(a: MergeMember, b: MergeMember, names: SourceNames): ArtifactError {
  const { path } = a.row;
  const [first, second] = [names.nameOf(a.sourceIndex), names.nameOf(b.sourceIndex)];
  const verb = isTombstone(a.row) || isTombstone(b.row) ? 'both kept and removed' : 'added with two contents';
  return names.conflict(
    `${quotePath(path)} is ${verb}: by ${first} and by ${second}; put one of them into another folder or leave it out`,
    [
      { path, sourceIndex: a.sourceIndex },
      { path, sourceIndex: b.sourceIndex },
    ],
  );
}

interface Ancestor extends Sourced {
  readonly isReference: boolean;
}

/**
 * Watches entries in path order for one whose path is a folder of another. Between `a` and `a/b` others may come
 * (`a-b`, `a.c`), so every entry whose path begins the current one is remembered; behind the first path that does
 * not begin with it, none will.
 */
export class FolderGuard {
  readonly #names: SourceNames;
  readonly #ancestors: Ancestor[] = [];

  constructor(names: SourceNames) {
    this.#names = names;
  }

  /** @throws ArtifactError `PATH_CONFLICT` when a stored file is on either side */
  pass(entry: Entry, sourceIndex: number): void {
    const { path } = entry;
    this.#leave(path);
    const current = { path, sourceIndex, isReference: entry.ref !== undefined };
    for (const ancestor of this.#ancestors) {
      const isFolder = path.charCodeAt(ancestor.path.length) === 47;
      if (isFolder && !(ancestor.isReference && current.isReference)) throw this.#conflict(ancestor, current);
    }
    this.#ancestors.push(current);
  }

  /**
   * Passes many entries of which none begins with the path before it, given the first and the last. False when
   * they must be passed one by one, because an earlier entry may be a folder of any of them.
   */
  passRun(first: Entry, last: Entry, sourceIndex: number): boolean {
    this.#leave(first.path);
    if (this.#ancestors.length > 0) return false;
    this.#ancestors.push({ path: last.path, sourceIndex, isReference: last.ref !== undefined });
    return true;
  }

  #leave(path: string): void {
    const ancestors = this.#ancestors;
    for (let top = ancestors.at(-1); top !== undefined; top = ancestors.at(-1)) {
      if (path.startsWith(top.path)) return;
      ancestors.pop();
    }
  }

  #conflict(file: Ancestor, inside: Ancestor): ArtifactError {
    const [first, second] = [this.#names.nameOf(file.sourceIndex), this.#names.nameOf(inside.sourceIndex)];
    return this.#names.conflict(
      `${quotePath(file.path)} (from ${first}) is an entry and also the folder of ${quotePath(inside.path)} (from ${second}); put one of them into another folder or leave it out`,
      [file, inside],
    );
  }
}
