import { entryPathProblem, LIMITS } from '@waybill/core';
import { createGlobs } from './globs.ts';
import type { IgnoreScope } from './ignore-scope.ts';
import { isFolderKey } from './sort-keys.ts';
import type { WalkRules } from './walk-request.ts';

/** Bytes a name on disk has at most. */
const NAME_BYTES_MAX = 255;

/** Decides by name alone: what the rules drop, and what no entry path can hold. */
export class NameFilter {
  readonly #rules: WalkRules;
  readonly #included: ((path: string) => boolean) | undefined;
  readonly #excluded: ((path: string) => boolean) | undefined;

  constructor(rules: WalkRules) {
    this.#rules = rules;
    const globs = createGlobs();
    this.#included = rules.include.length > 0 ? globs.compile(rules.include) : undefined;
    this.#excluded = rules.exclude.length > 0 ? globs.compile(rules.exclude) : undefined;
  }

  /** Whether nothing can be dropped in this scope, so that names need not be looked at. */
  isIdle(scope: IgnoreScope): boolean {
    return this.#included === undefined && this.#excluded === undefined && scope.files.length === 0;
  }

  /** Whether the rules drop a file or folder; `key` is relative to the root and ends in `/` for a folder. */
  drops(key: string, scope: IgnoreScope): boolean {
    const isFolder = isFolderKey(key);
    const path = isFolder ? key.slice(0, -1) : key;
    if (this.#excluded?.(path) === true || scope.ignores(key)) return true;
    return !isFolder && this.#included?.(path) === false;
  }

  /** Whether some name in the folder could be none for an entry. `joined` is all of the folder's keys, joined. */
  mayBeUnusable(folder: string, joined: string): boolean {
    const { entryPrefix } = this.#rules;
    // Only the beginning of a path can make it absolute on Windows, and only backslashes can make it climb there.
    if (folder === '' && entryPrefix === '') return true;
    if (joined.includes('\\')) return true;
    return (entryPrefix.length + folder.length) * 3 + NAME_BYTES_MAX > LIMITS.pathBytes;
  }

  /** Why a key cannot be in an entry's path, `undefined` when it can. */
  problem(key: string): string | undefined {
    return entryPathProblem(this.#rules.entryPrefix + (isFolderKey(key) ? key.slice(0, -1) : key));
  }
}
