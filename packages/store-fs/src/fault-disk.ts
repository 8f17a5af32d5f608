import type { FaultPoints } from '@waybill/core';
import type { Disk, DiskFile } from './disk.ts';
import type { ThreadDisk } from './thread-disk.ts';

/** Reaches the fault point `store.<effect>` before each effect of a disk. */
export function faultDisk(disk: Disk, faults: FaultPoints): Disk {
  return {
    makeFolder: (path) => before(faults, 'store.make-folder', () => disk.makeFolder(path)),
    createFile: (path) =>
      before(faults, 'store.create', async () => faultFile(await disk.createFile(path), faults)),
    // Opening has no effect.
    openFile: async (path) => faultFile(await disk.openFile(path), faults),
    link: (from, to) => before(faults, 'store.link', () => disk.link(from, to)),
    rename: (from, to) => before(faults, 'store.rename', () => disk.rename(from, to)),
    unlink: (path) => before(faults, 'store.unlink', () => disk.unlink(path)),
    removeFolder: (path) => before(faults, 'store.remove-folder', () => disk.removeFolder(path)),
    syncFolder: (path) => before(faults, 'store.sync-folder', () => disk.syncFolder(path)),
  };
}

function faultFile(file: DiskFile, faults: FaultPoints): DiskFile {
  return {
    write: (chunk) => before(faults, 'store.write', () => file.write(chunk)),
    sync: () => before(faults, 'store.sync', () => file.sync()),
    close: () => file.close(),
  };
}

async function before<T>(faults: FaultPoints, point: string, effect: () => Promise<T>): Promise<T> {
  faults.reach(point);
  return effect();
}

/** The same inside a thread; `scope` begins the names: `target.create`. */
export function faultThreadDisk(disk: ThreadDisk, faults: FaultPoints, scope: string): ThreadDisk {
  const reach = (effect: string): void => faults.reach(`${scope}.${effect}`);
  return {
    openFile: (path) => disk.openFile(path),
    closeFile: (file) => disk.closeFile(file),
    createFile: (path) => {
      reach('create');
      return disk.createFile(path);
    },
    write: (file, chunks, position) => {
      reach('write');
      disk.write(file, chunks, position);
    },
    makeFolder: (path) => {
      reach('make-folder');
      disk.makeFolder(path);
    },
    rename: (from, to) => {
      reach('rename');
      disk.rename(from, to);
    },
    unlink: (path) => {
      reach('unlink');
      disk.unlink(path);
    },
  };
}
