import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

export const REPOSITORY_ROOT: string = join(import.meta.dirname, '../..');

/** The folders under `packages`, which are also the packages' names without their scope. */
export async function packageNames(): Promise<string[]> {
  const entries = await readdir(join(REPOSITORY_ROOT, 'packages'), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Paths of the repository's own text files, relative to its root; nothing installed, built or shipped as data. */
export async function* ownFiles(folder = '', skip: ReadonlySet<string> = NOT_OURS): AsyncGenerator<string> {
  for (const entry of await readdir(join(REPOSITORY_ROOT, folder), { withFileTypes: true })) {
    if (skip.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* ownFiles(path, skip);
    else if (TEXT_FILE.test(entry.name) && !GENERATED.test(entry.name)) yield path;
  }
}

const NOT_OURS = new Set([
  '.cache',
  '.git',
  'coverage',
  'dist',
  'examples',
  'fixtures',
  'golden',
  'node_modules',
  'package-lock.json',
]);
const GENERATED = /\.generated\.ts$/;
const TEXT_FILE = /\.(?:json|jsonc|md|mjs|js|sh|sql|ts|yml|yaml)$|^run$|^\.npmrc$/;
