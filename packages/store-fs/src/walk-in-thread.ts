import { decodeNames, encodeNames, type NewNotice, type WalkInput, type WalkOutput } from '@waybill/core';
import { FolderReader, type FolderRuns } from './folder-reader.ts';
import { IgnoreScope } from './ignore-scope.ts';
import { mergeKeyRuns, removeKeyRuns } from './key-runs.ts';
import { NameChunks } from './name-chunks.ts';
import { isFolderKey } from './sort-keys.ts';
import { asWalkRequest, type WalkAnswer, type WalkRequest, type WalkSlice } from './walk-request.ts';

/** Pieces the rest of one folder is cut into at most, so that several threads can go on with it. */
const PIECES_MAX = 8;

/**
 * The thread task `walk`: walks a slice of a tree in path order until it has found its share of names, and answers
 * them with what is left of the slice. Synchronous.
 *
 * @throws ArtifactError `NO_SPACE`, `PERMISSION` or `IO` for the scratch folder; problems of the tree are notices
 */
export function walkInThread(input: WalkInput): WalkOutput {
  return new SliceWalk(asWalkRequest(input)).run();
}

/** A folder under way. */
interface Frame {
  readonly folder: string;
  readonly scope: IgnoreScope;
  readonly keys: readonly string[];
  next: number;
}

class SliceWalk {
  readonly #request: WalkRequest;
  readonly #reader: FolderReader;
  readonly #chunks: NameChunks;
  readonly #notices: NewNotice[] = [];
  /** From the slice's own folder to the innermost. */
  readonly #frames: Frame[] = [];
  /** A large folder just met: its keys lie in a scratch file, and come before what is left of the frames. */
  #unread: WalkSlice | undefined;
  #namesLeft: number;
  #foldersRead = 0;

  constructor(request: WalkRequest) {
    this.#request = request;
    this.#namesLeft = request.limits.walkNames;
    this.#chunks = new NameChunks(request.limits.batchEntries);
    this.#reader = new FolderReader(request, this.#notices);
  }

  run(): WalkAnswer {
    const { slice } = this.#request;
    if (slice.kind === 'runs') return this.#runMerge(slice);
    const scope = new IgnoreScope(slice.ignoreFiles);
    if (slice.kind === 'folder') this.#enter(slice.folder, scope);
    else this.#frames.push({ folder: slice.folder, scope, keys: decodeNames(slice.keys), next: 0 });
    this.#walk();
    return this.#answer();
  }

  /** The next keys of a large folder: names at once, folders for other tasks, so that the merge can go on. */
  #runMerge(slice: WalkSlice & { kind: 'runs' }): WalkAnswer {
    const { walkNames } = this.#request.limits;
    const { keys, runs } = mergeKeyRuns({ ...slice, count: walkNames });
    const frame = { folder: slice.folder, scope: new IgnoreScope(slice.ignoreFiles), keys, next: 0 };
    if (!keys.some(isFolderKey)) {
      this.#chunks.add(slice.folder, keys, { from: 0, to: keys.length });
      frame.next = keys.length;
    }
    this.#frames.push(frame);
    const { chunks, notices, rest } = this.#answer();
    if (runs.length === 0) {
      removeKeyRuns(slice.file);
      return { chunks, notices, rest };
    }
    return { chunks, notices, rest: [...rest, { ...slice, runs, after: keys.at(-1) ?? slice.after }] };
  }

  #walk(): void {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      if (this.#namesLeft <= 0 || this.#unread !== undefined) return;
      const key = frame.keys[frame.next];
      if (key === undefined) {
        this.#frames.pop();
      } else if (isFolderKey(key)) {
        frame.next++;
        this.#enter(frame.folder + key, frame.scope);
      } else {
        this.#takeNames(frame);
      }
    }
  }

  /** Names of files from the next key on, up to a folder. */
  #takeNames(frame: Frame): void {
    const end = Math.min(frame.keys.length, frame.next + this.#namesLeft);
    let to = frame.next;
    for (let key = frame.keys[to]; to < end && key !== undefined && !isFolderKey(key); key = frame.keys[to])
      to++;
    this.#chunks.add(frame.folder, frame.keys, { from: frame.next, to });
    this.#namesLeft -= to - frame.next;
    frame.next = to;
  }

  #enter(folder: string, above: IgnoreScope): void {
    this.#foldersRead++;
    // A folder counts as a name, so that a tree of empty folders comes to an end too.
    this.#namesLeft--;
    const content = this.#reader.read(folder, above);
    if (content === undefined) return;
    if ('keys' in content) {
      if (content.keys.length > 0)
        this.#frames.push({ folder, scope: content.scope, keys: content.keys, next: 0 });
    } else if (content.runs.length > 0) {
      this.#unread = runsSlice(folder, content);
    } else {
      removeKeyRuns(content.file);
    }
  }

  #answer(): WalkAnswer {
    const rest: WalkSlice[] = this.#unread === undefined ? [] : [this.#unread];
    for (const frame of this.#frames.toReversed()) rest.push(...this.#restOf(frame));
    return { chunks: this.#chunks.take(), notices: this.#notices, rest };
  }

  /** A folder's keys that are not taken yet, in pieces that are worth a task each. */
  #restOf(frame: Frame): WalkSlice[] {
    const keys = frame.keys.slice(frame.next);
    // As many folders a piece as this task has read, since that is what it got done.
    const folderPieces = Math.ceil(keys.filter(isFolderKey).length / Math.max(1, this.#foldersRead));
    const pieces = Math.min(PIECES_MAX, Math.max(1, folderPieces));
    const pieceKeys = Math.min(this.#request.limits.walkNames, Math.ceil(keys.length / pieces));
    const slices: WalkSlice[] = [];
    for (let at = 0; at < keys.length; at += pieceKeys) {
      slices.push({
        kind: 'keys',
        folder: frame.folder,
        ignoreFiles: frame.scope.files,
        keys: encodeNames(keys.slice(at, at + pieceKeys)),
      });
    }
    return slices;
  }
}

function runsSlice(folder: string, content: FolderRuns): WalkSlice {
  const { file, runs, scope } = content;
  return { kind: 'runs', folder, ignoreFiles: scope.files, file, runs, after: undefined };
}
