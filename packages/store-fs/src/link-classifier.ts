import { type BigIntStats, realpathSync, type Stats, statSync } from 'node:fs';
import type { NewNotice } from '@waybill/core';
import { hasErrno } from './file-errors.ts';
import { foldersOf, identityAt, identityOf } from './folder-identity.ts';
import { type LeftOutReason, leftOut, unreadable } from './walk-notices.ts';

/** Device and inode of folders looked at, remembered up to this many. */
const IDENTITIES_MAX = 10_000;

/** What the target of a link makes of it, or why it is left out. */
export type LinkKind = 'file' | 'folder' | NewNotice;

/** Says what links are by what they point to, and which of them would lead a walk round in circles. */
export class LinkClassifier {
  readonly #followLinks: boolean;
  readonly #identities = new Map<string, string>();

  constructor(options: { followLinks: boolean }) {
    this.#followLinks = options.followLinks;
  }

  /** @param link absolute path of a link; @param folder absolute path of the folder it was found in */
  classify(link: string, folder: string): LinkKind {
    let target: BigIntStats | undefined;
    try {
      target = statSync(link, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      // It leads to itself, or below something that is no folder.
      if (hasErrno(error, 'ELOOP', 'ENOTDIR')) return leftOut(link, 'broken-link');
      return unreadable(link, error);
    }
    if (target === undefined) return leftOut(link, 'broken-link');
    if (target.isFile()) return 'file';
    if (!target.isDirectory()) return leftOut(link, specialKind(target));
    if (!this.#followLinks) return leftOut(link, 'folder-link');
    return this.#isAncestor(identityOf(target), folder) ? leftOut(link, 'link-to-ancestor') : 'folder';
  }

  /**
   * Whether a folder is one of those above `folder`: on the way the walk came, links and all, or on the real way. Up
   * to the top of the file system: the folder above the walk's root contains the link as well.
   */
  #isAncestor(identity: string, folder: string): boolean {
    for (const way of new Set([folder, realpathSync(folder)])) {
      for (const above of foldersOf(way)) if (this.#identity(above) === identity) return true;
    }
    return false;
  }

  #identity(folder: string): string {
    const known = this.#identities.get(folder);
    if (known !== undefined) return known;
    if (this.#identities.size >= IDENTITIES_MAX) this.#identities.clear();
    const identity = identityAt(folder);
    this.#identities.set(folder, identity);
    return identity;
  }
}

function specialKind(found: Stats | BigIntStats): LeftOutReason {
  if (found.isSocket()) return 'socket';
  if (found.isFIFO()) return 'fifo';
  return found.isCharacterDevice() || found.isBlockDevice() ? 'device' : 'special';
}
