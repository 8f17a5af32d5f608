import { lstat } from 'node:fs/promises';
import type { Disk } from './disk.ts';
import { hasErrno } from './file-errors.ts';

/** What file systems answer that have no second names. */
const NO_LINKS = ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EINVAL'];

/**
 * Gives a synced file its final name, never in the place of another: then it keeps its own name and `false` is
 * answered. A rename would replace, so it is linked and the old name removed. Where there are no links the name is
 * first taken with an empty file, which only one can make, and that one is replaced. The new name is not durable yet.
 */
export async function moveIntoPlace(disk: Disk, from: string, to: string): Promise<boolean> {
  try {
    await disk.link(from, to);
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    if (!hasErrno(error, ...NO_LINKS)) throw error;
    return moveWithoutLinks(disk, from, to);
  }
  await disk.unlink(from);
  return true;
}

async function moveWithoutLinks(disk: Disk, from: string, to: string): Promise<boolean> {
  try {
    const placeholder = await disk.createFile(to);
    await placeholder.close();
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  }
  await disk.rename(from, to);
  return true;
}

/** Whether anything has the name. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
