import { lstatSync, mkdirSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entryPathProblem } from '@waybill/core';
import fc from 'fast-check';
import { afterEach, beforeEach } from 'vitest';
import { type TempFolder, tempFolder } from './temp-folder.ts';

/** A folder to be walked, new for each test of a file. */
export interface TreeFixture {
  /** Holds `root` and whatever a test puts beside it. */
  readonly top: string;
  readonly root: string;
  /** Makes files (and their folders) below the root; a name that ends in `/` is an empty folder. */
  make(...paths: readonly string[]): void;
}

export function useTree(): TreeFixture {
  let top: TempFolder | undefined;
  beforeEach(async () => {
    top = await tempFolder();
    mkdirSync(join(top.path, 'root'));
  });
  afterEach(async () => {
    await top?.[Symbol.asyncDispose]();
  });
  const fixture = {
    get top(): string {
      return top?.path ?? '';
    },
    get root(): string {
      return join(fixture.top, 'root');
    },
    make: (...paths: readonly string[]): void => {
      for (const path of paths) {
        const absolute = `${fixture.root}/${path}`;
        mkdirSync(path.endsWith('/') ? absolute : join(absolute, '..'), { recursive: true });
        if (!path.endsWith('/')) writeFileSync(absolute, path);
      }
    },
  };
  return fixture;
}

export function sortedByBytes(paths: readonly string[]): string[] {
  return paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

const UNITS = [
  'a',
  'b',
  'A',
  '-',
  '.',
  '~',
  ' ',
  '0',
  'é',
  'e\u0301',
  '\ufb01',
  '\ue000',
  '\uffff',
  '\ufffd',
];
const NASTY_UNITS = ['\u{1f600}', '\u{10ffff}', '\n', '\\', '\u0001', '\u007f'];

/** Names as nasty as file systems allow. */
export const nameArbitrary: fc.Arbitrary<string> = fc
  .string({ unit: fc.constantFrom(...UNITS, ...NASTY_UNITS), minLength: 1, maxLength: 4 })
  .filter((name) => name !== '.' && name !== '..');

/** Folders by name; `null` is a file. */
export interface Tree {
  readonly [name: string]: Tree | null;
}

const trees = fc.letrec<{ tree: Tree; node: Tree | null }>((tie) => ({
  tree: fc.dictionary(nameArbitrary, tie('node'), { maxKeys: 7, depthIdentifier: 'tree' }),
  node: fc.oneof({ depthIdentifier: 'tree', maxDepth: 4 }, fc.constant(null), tie('tree')),
}));

export const treeArbitrary: fc.Arbitrary<Tree> = trees.tree;

/** So small that every way to cut a walk into pieces comes up. */
export const limitsArbitrary: fc.Arbitrary<{
  walkNames: number;
  batchEntries: number;
  sortRunNames: number;
  folderInodeBytes: number;
}> = fc.record({
  walkNames: fc.integer({ min: 1, max: 8 }),
  batchEntries: fc.integer({ min: 1, max: 4 }),
  sortRunNames: fc.integer({ min: 1, max: 4 }),
  folderInodeBytes: fc.constantFrom(0, 1_000_000),
});

export function plant(folder: string, tree: Tree): void {
  mkdirSync(folder);
  for (const [name, node] of Object.entries(tree)) {
    if (node === null) writeFileSync(`${folder}/${name}`, '');
    else plant(`${folder}/${name}`, node);
  }
}

/** All regular files below a folder, links followed but for those to a folder they lie in; sorted at the end. */
export function naiveWalk(folder: string): string[] {
  const found: string[] = [];
  const visit = (path: string, prefix: string): void => {
    for (const name of readdirSync(path)) {
      const itemPath = `${path}/${name}`;
      const item = statSync(itemPath, { throwIfNoEntry: false });
      if (item === undefined || entryPathProblem(prefix + name) !== undefined) continue;
      if (item.isFile()) found.push(prefix + name);
      else if (item.isDirectory() && !leadsBack(itemPath)) visit(itemPath, `${prefix}${name}/`);
    }
  };
  visit(folder, '');
  return sortedByBytes(found);
}

/** Whether a link points to a folder above it, on the way to it or on the real way. */
function leadsBack(path: string): boolean {
  if (!lstatSync(path).isSymbolicLink()) return false;
  const target = identityOf(path);
  return [dirname(path), realpathSync(dirname(path))].some((way) => {
    const parts = way.split('/');
    return parts.some((_, index) => identityOf(`${parts.slice(0, index + 1).join('/')}/`) === target);
  });
}

function identityOf(path: string): string {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
}
