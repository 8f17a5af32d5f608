import { type EncodedNames, invariant, LIMITS, type NewNotice, type WalkInput } from '@waybill/core';

/** What decides which names a walk yields. */
export type WalkRules = {
  /** Goes before a name to make an entry's path: empty, or ends in `/`. */
  readonly entryPrefix: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly followLinks: boolean;
};

/** Sizes a walk keeps to; smaller ones in tests. */
export type WalkLimits = {
  readonly walkNames: number;
  readonly batchEntries: number;
  readonly folderInodeBytes: number;
  readonly sortRunNames: number;
  readonly walkDepth: number;
};

export const WALK_LIMITS: WalkLimits = {
  walkNames: LIMITS.walkNames,
  batchEntries: LIMITS.batchEntries,
  folderInodeBytes: LIMITS.folderInodeBytes,
  sortRunNames: LIMITS.sortRunNames,
  walkDepth: LIMITS.walkDepth,
};

/** One `.waybillignore` that applies: its folder (empty, or ends in `/`) and its text. */
export type IgnoreFile = {
  readonly folder: string;
  readonly text: string;
};

/** Part of a tree that is still to be walked. `folder` is relative to the root: empty, or ends in `/`. */
export type WalkSlice = {
  readonly folder: string;
  /** The ignore files of the folder and of those above it. */
  readonly ignoreFiles: readonly IgnoreFile[];
} & (
  | { readonly kind: 'folder' }
  /** Sort keys of the folder's items, NUL between them, ascending; those of folders end in `/`. */
  | { readonly kind: 'keys'; readonly keys: EncodedNames }
  /** The same in a scratch file, as sorted runs that are to be merged; `after` was taken last. */
  | {
      readonly kind: 'runs';
      readonly file: string;
      readonly runs: readonly KeyRun[];
      readonly after: string | undefined;
    }
);

/** A range of a scratch file. */
export type KeyRun = { readonly start: number; readonly end: number };

/** Input of the thread task `walk`. */
export type WalkRequest = {
  /** Absolute, real. */
  readonly root: string;
  readonly rules: WalkRules;
  readonly limits: WalkLimits;
  readonly scratchFolder: string;
  /** Identities of the folders Waybill itself writes into while the walk is on: never walked. */
  readonly ownFolders: readonly string[];
  readonly slice: WalkSlice;
};

export type NameChunk = { readonly names: EncodedNames; readonly count: number };

/** Output of the thread task `walk`: names in order, then what of the slice is left, in order. */
export type WalkAnswer = {
  readonly chunks: readonly NameChunk[];
  readonly notices: readonly NewNotice[];
  readonly rest: readonly WalkSlice[];
};

/** The port calls inputs and outputs opaque; these are ours, so a look at what tells them from others suffices. */
export function asWalkRequest(input: WalkInput): WalkRequest {
  invariant(isWalkRequest(input), 'walk-request', 'a walk task got something else than a walk request');
  return input;
}

export function asWalkAnswer(output: Readonly<Record<string, unknown>>): WalkAnswer {
  invariant(isWalkAnswer(output), 'walk-answer', 'a walk task answered something else than a walk answer');
  return output;
}

function isWalkRequest(input: object): input is WalkRequest {
  return (
    'root' in input &&
    'rules' in input &&
    'limits' in input &&
    'scratchFolder' in input &&
    'ownFolders' in input &&
    'slice' in input
  );
}

function isWalkAnswer(output: object): output is WalkAnswer {
  return 'chunks' in output && 'notices' in output && 'rest' in output;
}
