import {
  ArtifactError,
  type CheckoutRecords,
  compareUtf8,
  decodeNames,
  type SourceFile,
  type SourceFiles,
  type TargetFile,
  type TargetFiles,
  type TargetLookup,
  type TargetRoot,
  type TargetTree,
  type TreeEntry,
} from '@waybill/core';

export type MemoryNode =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly unreadable?: boolean }
  | { readonly kind: 'link' | 'other' | 'folder' };

/** Absolute paths and what is there. Folders above a node exist without being written down. */
export class MemoryFiles {
  readonly nodes = new Map<string, MemoryNode>();
  /** How many files may still be written before the disk is full. */
  room = Number.POSITIVE_INFINITY;
  opened = 0;
  /** Bytes a read gives at most. */
  readBytes = 70;

  writeFile(path: string, bytes: Uint8Array): void {
    this.nodes.set(path, { kind: 'file', bytes: new Uint8Array(bytes) });
  }

  /** Files below a folder, by path relative to it. */
  files(root: string): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const [path, node] of this.nodes) {
      if (path.startsWith(`${root}/`) && node.kind === 'file')
        found.set(path.slice(root.length + 1), node.bytes);
    }
    return found;
  }

  isFolder(path: string): boolean {
    if (this.nodes.get(path)?.kind === 'folder') return true;
    for (const other of this.nodes.keys()) if (other.startsWith(`${path}/`)) return true;
    return false;
  }

  readonly sources: SourceFiles = {
    stat: (path) => {
      const node = this.nodes.get(path);
      if (node === undefined && !this.isFolder(path)) return undefined;
      return statOf(node);
    },
    open: (path) => this.openSource(path),
  };

  readonly targets: TargetFiles = { openRoot: (root) => new MemoryTargetRoot(this, root) };

  readonly tree: TargetTree = {
    locate: (root) => Promise.resolve(root),
    prepare: (root) =>
      Promise.try(() => {
        const kind = this.nodes.get(root)?.kind ?? 'folder';
        if (kind !== 'folder') throw new ArtifactError('INVALID_ARGUMENT', `${root} is not a folder`);
        if (!this.isFolder(root)) this.nodes.set(root, { kind: 'folder' });
        return { root, empty: ![...this.nodes.keys()].some((path) => path.startsWith(`${root}/`)) };
      }),
    resolve: (root) =>
      Promise.try(() => {
        if (!this.isFolder(root)) throw new ArtifactError('NOT_FOUND', `${root} does not exist`);
        return root;
      }),
    walk: (root) => this.#walk(root),
    removeFiles: (root, names) =>
      Promise.try(() => {
        for (const name of decodeNames(names)) {
          const path = `${root}/${name}`;
          if (!this.nodes.has(path)) throw new ArtifactError('IO', `${path} is not there`);
          this.nodes.delete(path);
          this.#keepFolder(path.slice(0, path.lastIndexOf('/')));
        }
      }),
    removeEmptyFolders: (root) =>
      Promise.try(() => {
        const empty = [...this.nodes].filter(
          ([path, node]) => path.startsWith(`${root}/`) && node.kind === 'folder',
        );
        for (const [path] of empty) this.nodes.delete(path);
        return empty.length;
      }),
  };

  openSource(path: string): SourceFile {
    const node = this.nodes.get(path);
    if (node === undefined) throw new ArtifactError('SOURCE_NOT_FOUND', `${path} does not exist`);
    if (node.kind !== 'file' || node.unreadable === true) {
      throw new ArtifactError('SOURCE_UNREADABLE', `${path} cannot be read`);
    }
    this.opened++;
    let position = 0;
    return {
      stat: () => statOf(this.nodes.get(path)),
      read: (target) => {
        const chunk = node.bytes.subarray(position, position + Math.min(target.length, this.readBytes));
        target.set(chunk);
        position += chunk.length;
        return chunk.length;
      },
      [Symbol.dispose]: () => {
        this.opened--;
      },
    };
  }

  /** A folder whose last file went is there and holds nothing. */
  #keepFolder(path: string): void {
    if (!this.isFolder(path)) this.nodes.set(path, { kind: 'folder' });
  }

  async *#walk(root: string): AsyncGenerator<readonly TreeEntry[]> {
    const entries = [...this.nodes]
      .filter(([path]) => path.startsWith(`${root}/`))
      .map(([path, node]) => ({ path: path.slice(root.length + 1), kind: node.kind }))
      .sort((a, b) => compareUtf8(a.path, b.path));
    for (let start = 0; start < entries.length; start += 3)
      yield await Promise.resolve(entries.slice(start, start + 3));
  }
}

class MemoryTargetRoot implements TargetRoot {
  readonly #files: MemoryFiles;
  readonly #root: string;

  constructor(files: MemoryFiles, root: string) {
    this.#files = files;
    this.#root = root;
  }

  writeFile(path: string, content: readonly Uint8Array[], options: { replace: boolean }): void {
    using file = this.createFile(path, options);
    for (const chunk of content) file.write(chunk);
    file.commit();
  }

  createFile(path: string, options: { replace: boolean }): TargetFile {
    const absolute = `${this.#root}/${path}`;
    const there = this.#files.nodes.get(absolute);
    const inTheWay = (there !== undefined && there.kind !== 'file') || this.#files.isFolder(absolute);
    if (inTheWay || (there !== undefined && !options.replace) || this.#obstacle(path) !== undefined) {
      throw new ArtifactError('TARGET_CONFLICT', `${absolute} is in the way`);
    }
    if (this.#files.room <= 0) throw new ArtifactError('NO_SPACE', 'the disk is full');
    const chunks: Uint8Array[] = [];
    this.#files.opened++;
    return {
      write: (chunk) => void chunks.push(chunk.slice()),
      commit: () => {
        this.#files.room--;
        const parts = absolute.split('/');
        for (let end = parts.length - 1; end > 1; end--)
          this.#files.nodes.delete(parts.slice(0, end).join('/'));
        this.#files.writeFile(absolute, Buffer.concat(chunks));
      },
      [Symbol.dispose]: () => {
        this.#files.opened--;
      },
    };
  }

  openFile(path: string): TargetLookup {
    const absolute = `${this.#root}/${path}`;
    if (this.#obstacle(path) === 'link') return { kind: 'through-link' };
    const node = this.#files.nodes.get(absolute);
    if (node === undefined) return { kind: this.#files.isFolder(absolute) ? 'not-a-file' : 'missing' };
    if (node.kind !== 'file') return { kind: 'not-a-file' };
    return { kind: 'file', file: this.#files.openSource(absolute) };
  }

  [Symbol.dispose](): void {}

  /** What stands in the place of a folder on the way. */
  #obstacle(path: string): MemoryNode['kind'] | undefined {
    const parts = path.split('/');
    for (let end = 1; end < parts.length; end++) {
      const node = this.#files.nodes.get(`${this.#root}/${parts.slice(0, end).join('/')}`);
      if (node !== undefined && node.kind !== 'folder') return node.kind;
    }
    return undefined;
  }
}

function statOf(node: MemoryNode | undefined) {
  return {
    kind: node?.kind === 'file' ? 'file' : node === undefined || node.kind === 'folder' ? 'folder' : 'other',
    sizeBytes: node?.kind === 'file' ? node.bytes.length : 0,
    signature: new Uint8Array(32),
    changedAtMs: 0,
  } as const;
}

export class MemoryCheckouts implements CheckoutRecords {
  readonly roots = new Set<string>();

  has(root: string): Promise<boolean> {
    return Promise.resolve(this.roots.has(root));
  }

  add(root: string): Promise<void> {
    this.roots.add(root);
    return Promise.resolve();
  }
}
