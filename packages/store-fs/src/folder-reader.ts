import { type Dirent, readFileSync, statSync } from 'node:fs';
import type { NewNotice } from '@waybill/core';
import { errnoOf } from './file-errors.ts';
import { identityOf } from './folder-identity.ts';
import { doubtfulNames, kindOf, readItems, streamItems } from './folder-items.ts';
import { IGNORE_FILE, type IgnoreScope } from './ignore-scope.ts';
import { KeyRunWriter } from './key-runs.ts';
import { LinkClassifier } from './link-classifier.ts';
import { NameFilter } from './name-filter.ts';
import { sortKeys } from './sort-keys.ts';
import { invalidUtf8, leftOut, unreadable, unusableName } from './walk-notices.ts';
import type { KeyRun, WalkRequest } from './walk-request.ts';

const REPLACEMENT = '\ufffd';
/** More than anybody writes by hand. */
const IGNORE_FILE_BYTES_MAX = 1_048_576;

/** What a folder holds, as sort keys in byte order. */
export interface FolderKeys {
  readonly scope: IgnoreScope;
  readonly keys: string[];
}

/** The same for a large folder: sorted runs in a scratch file. */
export interface FolderRuns {
  readonly scope: IgnoreScope;
  readonly file: string;
  readonly runs: readonly KeyRun[];
}

type WalkContext = Omit<WalkRequest, 'slice'>;

/** One folder being read. */
interface Reading {
  /** Relative to the root: empty, or ends in `/`. */
  readonly folder: string;
  readonly path: string;
  scope: IgnoreScope;
  /** Whether a name came up that has to be read again as bytes. */
  doubtful: boolean;
}

interface FoundItem {
  readonly reading: Reading;
  readonly item: Dirent;
  readonly name: string;
  /** Whether the name is known to be what is on disk. */
  readonly sure: boolean;
}

/** Reads folders into sort keys: links by what they point to, names the rules drop left out. */
export class FolderReader {
  readonly #context: WalkContext;
  readonly #notices: NewNotice[];
  readonly #filter: NameFilter;
  readonly #links: LinkClassifier;

  /** Notices go into `notices`, which is the caller's. */
  constructor(context: WalkContext, notices: NewNotice[]) {
    this.#context = context;
    this.#notices = notices;
    this.#filter = new NameFilter(context.rules);
    this.#links = new LinkClassifier(context.rules);
  }

  /** `undefined`, with a notice, when the folder cannot be read or is not to be. `scope` is that of the folder above. */
  read(folder: string, scope: IgnoreScope): FolderKeys | FolderRuns | undefined {
    const path = this.#absolute(folder);
    if (this.#isTooDeep(folder)) {
      const problem = `lies more than ${this.#context.limits.walkDepth} folders deep`;
      this.#notices.push(unusableName(path, 'too-deep', problem));
      return undefined;
    }
    const reading = { folder, path, scope, doubtful: false };
    const before = this.#notices.length;
    try {
      const found = statSync(path, { bigint: true });
      if (this.#context.ownFolders.includes(identityOf(found))) {
        this.#notices.push(leftOut(path, 'own-store'));
        return undefined;
      }
      return found.size > this.#context.limits.folderInodeBytes
        ? this.#readLarge(reading)
        : this.#readWhole(reading);
    } catch (error) {
      // Only the system's errors about the folder; those of the scratch file are not its fault.
      if (errnoOf(error) === undefined) throw error;
      this.#notices.length = before;
      this.#notices.push(unreadable(path, error));
      return undefined;
    }
  }

  #readWhole(reading: Reading): FolderKeys {
    const keys: string[] = [];
    const specials: Dirent[] = [];
    const items = readItems(reading.path);
    for (const item of items) if (!addPlain(keys, item)) specials.push(item);
    if (items.some((item) => item.name === IGNORE_FILE)) this.#readIgnoreFile(reading);
    for (const item of specials) this.#addSpecial(keys, { reading, item, name: item.name, sure: false });
    const sound = this.#sound(keys, reading);
    return { keys: this.#finish(this.#withDoubtful(sound, reading), reading), scope: reading.scope };
  }

  #readLarge(reading: Reading): FolderRuns {
    this.#readIgnoreFile(reading);
    using writer = new KeyRunWriter(this.#context.scratchFolder);
    let keys: string[] = [];
    for (const item of streamItems(reading.path)) {
      if (!addPlain(keys, item)) this.#addSpecial(keys, { reading, item, name: item.name, sure: false });
      if (keys.length < this.#context.limits.sortRunNames) continue;
      writer.add(this.#finish(this.#sound(keys, reading), reading));
      keys = [];
    }
    writer.add(this.#finish(this.#withDoubtful(this.#sound(keys, reading), reading), reading));
    return { file: writer.path, runs: writer.runs, scope: reading.scope };
  }

  /** A link, a special file, or what the file system says nothing about. */
  #addSpecial(keys: string[], found: FoundItem): void {
    const { reading, item, name } = found;
    if (!found.sure && name.includes(REPLACEMENT)) {
      reading.doubtful = true;
      return;
    }
    const path = this.#absolute(reading.folder + name);
    const kind = kindOf(item, path);
    const meaning = kind === 'link' ? this.#links.classify(path, reading.path) : kind;
    if (meaning === 'file') keys.push(name);
    else if (meaning === 'folder') keys.push(`${name}/`);
    else if (meaning !== undefined && !this.#filter.drops(reading.folder + name, reading.scope)) {
      this.#notices.push(typeof meaning === 'string' ? leftOut(path, meaning) : meaning);
    }
  }

  /** The keys without those that may not be what is on disk; they are read again later. */
  #sound(keys: string[], reading: Reading): string[] {
    if (!keys.join('\0').includes(REPLACEMENT)) return keys;
    reading.doubtful = true;
    return keys.filter((key) => !key.includes(REPLACEMENT));
  }

  #withDoubtful(keys: string[], reading: Reading): string[] {
    if (!reading.doubtful) return keys;
    for (const { item, name, escaped } of doubtfulNames(reading.path)) {
      if (name === undefined) this.#notices.push(invalidUtf8(reading.path, escaped));
      else if (item.isFile()) keys.push(name);
      else if (item.isDirectory()) keys.push(`${name}/`);
      else this.#addSpecial(keys, { reading, item, name, sure: true });
    }
    return keys;
  }

  /** Drops what the rules drop and what cannot be an entry, and sorts. */
  #finish(keys: string[], reading: Reading): string[] {
    const { folder, scope } = reading;
    const joined = keys.join('\0');
    const wanted = this.#filter.isIdle(scope)
      ? keys
      : keys.filter((key) => !this.#filter.drops(folder + key, scope));
    const usable = this.#filter.mayBeUnusable(folder, joined)
      ? wanted.filter((key) => this.#isUsable(folder + key))
      : wanted;
    return sortKeys(usable, joined);
  }

  #isUsable(key: string): boolean {
    const problem = this.#filter.problem(key);
    if (problem === undefined) return true;
    this.#notices.push(unusableName(this.#absolute(key), 'invalid-path', problem));
    return false;
  }

  #readIgnoreFile(reading: Reading): void {
    const path = this.#absolute(reading.folder + IGNORE_FILE);
    try {
      if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return;
      const text = readFileSync(path);
      if (text.length > IGNORE_FILE_BYTES_MAX) {
        const problem = `is larger than ${IGNORE_FILE_BYTES_MAX} bytes`;
        this.#notices.push(unusableName(path, 'ignore-file', problem));
        return;
      }
      reading.scope = reading.scope.with({ folder: reading.folder, text: text.toString('utf8') });
    } catch (error) {
      this.#notices.push(unreadable(path, error));
    }
  }

  #isTooDeep(folder: string): boolean {
    const { walkDepth } = this.#context.limits;
    return folder.length >= 2 * walkDepth && folder.split('/').length - 1 > walkDepth;
  }

  /** Absolute path of a folder or a key, without the slash at its end. */
  #absolute(key: string): string {
    const { root } = this.#context;
    if (key === '') return root;
    const path = key.endsWith('/') ? key.slice(0, -1) : key;
    return root === '/' ? `/${path}` : `${root}/${path}`;
  }
}

/** Adds the sort key of what is a file or a folder without a second look. */
function addPlain(keys: string[], item: Dirent): boolean {
  if (item.isFile()) keys.push(item.name);
  else if (item.isDirectory()) keys.push(`${item.name}/`);
  else return false;
  return true;
}
