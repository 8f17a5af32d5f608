import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES_PER_FOLDER = 100;
/** ext4 allows 65,000 links to one file. */
const LINKS_PER_FILE = 50_000;

/** A tree of small files with distinct, reproducible contents. Made once per folder and count. */
export function makeFiles(root: string, tree: { count: number; sizeBytes: number }): string {
  const folder = join(root, `files-${tree.count}-${tree.sizeBytes}`);
  if (existsSync(join(folder, '..', `.done-files-${tree.count}-${tree.sizeBytes}`))) return folder;
  rmSync(folder, { recursive: true, force: true });
  for (let index = 0; index < tree.count; index++) {
    const inside = folderOf(folder, index);
    if (index % FILES_PER_FOLDER === 0) mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, `file-${index}.bin`), contentOf(index, tree.sizeBytes));
  }
  writeFileSync(join(root, `.done-files-${tree.count}-${tree.sizeBytes}`), '');
  return folder;
}

/** A tree of many names and few contents: hard links to a few small files. */
export function makeLinks(root: string, tree: { count: number }): string {
  const folder = join(root, `links-${tree.count}`);
  if (existsSync(join(root, `.done-links-${tree.count}`))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const originals = join(root, `originals-${tree.count}`);
  rmSync(originals, { recursive: true, force: true });
  mkdirSync(originals, { recursive: true });
  let original = '';
  for (let index = 0; index < tree.count; index++) {
    if (index % LINKS_PER_FILE === 0) {
      original = join(originals, `original-${index}`);
      writeFileSync(original, contentOf(index, 1_024));
    }
    const inside = folderOf(folder, index);
    if (index % FILES_PER_FOLDER === 0) mkdirSync(inside, { recursive: true });
    linkSync(original, join(inside, `file-${index}.bin`));
  }
  writeFileSync(join(root, `.done-links-${tree.count}`), '');
  return folder;
}

function folderOf(root: string, index: number): string {
  const group = Math.floor(index / FILES_PER_FOLDER);
  return join(root, `part-${Math.floor(group / 100)}`, `folder-${group}`);
}

function contentOf(index: number, sizeBytes: number): Buffer {
  const seed = createHash('sha256').update(`waybill ${index}`).digest();
  const content = Buffer.alloc(sizeBytes, seed);
  content.writeUInt32LE(index, 0);
  return content;
}
