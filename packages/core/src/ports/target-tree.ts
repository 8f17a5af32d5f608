import type { CallOptions } from './blob-store.ts';
import type { EncodedNames } from './thread-tasks.ts';

export interface TreeEntry {
  readonly path: string;
  /** A link is itself, whatever it points to. */
  readonly kind: 'file' | 'link' | 'folder' | 'other';
}

/** A folder people download into, seen from the main thread. */
export interface TargetTree {
  /** The real path the folder has, or would have if {@link prepare} made it now. */
  locate(root: string, options?: CallOptions): Promise<string>;
  /** Makes the folder when it is missing; answers its real path and whether it holds anything. `INVALID_ARGUMENT` for a file. */
  prepare(root: string, options?: CallOptions): Promise<{ root: string; empty: boolean }>;
  /** The real path of a folder that must exist (`NOT_FOUND`; `INVALID_ARGUMENT` for a file). */
  resolve(root: string, options?: CallOptions): Promise<string>;
  /**
   * Everything below the root that is not a folder, and folders that hold nothing, no link followed: in UTF-8 byte
   * order of paths, so that it can be merged with a manifest.
   */
  walk(root: string, options?: CallOptions): AsyncIterable<readonly TreeEntry[]>;
  /** Removes files and links (never what a link points to). */
  removeFiles(root: string, names: EncodedNames, options?: CallOptions): Promise<void>;
  /** Removes every folder below the root that holds nothing, innermost first. */
  removeEmptyFolders(root: string, options?: CallOptions): Promise<number>;
}

/** Remembers, in the home folder, which folders `checkout` made. */
export interface CheckoutRecords {
  has(root: string): Promise<boolean>;
  add(root: string): Promise<void>;
}
