import { chmod, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '@waybill/core';
import { blobStoreConformance, PowerLossDisk } from '@waybill/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { type Disk, nodeDisk, openFolderStore } from '../src/index.ts';
import { expectCode } from './expect-code.ts';
import { tempFolder } from './temp-folder.ts';
import { random } from './unique-names.ts';

const folders = new AsyncDisposableStack();
afterAll(async () => {
  await folders.disposeAsync();
});

function folderOf(store: BlobStore): string {
  return store.description.replace(/^folder /, '');
}

async function newFolder(): Promise<string> {
  return folders.use(await tempFolder()).path;
}

/** A store whose folder and two above it are missing yet. */
function conformance(name: string, diskFor: (folder: string) => Disk): void {
  // A store that is opened again lies on the same disk.
  const disks = new Map<string, Disk>();
  blobStoreConformance(name, {
    open: async () => {
      const top = await newFolder();
      const folder = join(top, 'disk/some/store');
      const disk = diskFor(top);
      disks.set(folder, disk);
      return openFolderStore({ folder, random, disk });
    },
    reopen: (store) => {
      const folder = folderOf(store);
      return openFolderStore({ folder, random, disk: disks.get(folder) ?? nodeDisk });
    },
    truncate: async (store, { key, sizeBytes }) => {
      await truncate(join(folderOf(store), key), sizeBytes);
    },
  });
}

conformance('a folder', () => nodeDisk);
conformance('a folder on a disk that may lose power', (top) => {
  return new PowerLossDisk({ folder: join(top, 'disk'), recordFolder: join(top, 'record') });
});
/** As FAT and some network file systems are. */
conformance('a folder without hard links', () => ({
  ...nodeDisk,
  link: async () => {
    throw Object.assign(new Error('no links here'), { code: 'EPERM' });
  },
}));

describe('openFolderStore', () => {
  test('makes nothing before something is written', async () => {
    const folder = join(await newFolder(), 'store');
    await using store = await openFolderStore({ folder, random });
    expect(store.description).toBe(`folder ${folder}`);
    expect(await Array.fromAsync(store.list(''))).toEqual([]);
    await expectCode(() => store.readRange('a/b', { offset: 0, length: 1 }), 'MISSING_BLOB');
    await expect(readdir(folder)).rejects.toThrow('ENOENT');
  });

  test('refuses a file, and a folder inside a file', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'file'), '');
    const error = await expectCode(
      () => openFolderStore({ folder: join(folder, 'file'), random }),
      'INVALID_ARGUMENT',
    );
    expect(error.message).toContain(join(folder, 'file'));
    await expectCode(() => openFolderStore({ folder: join(folder, 'file/x'), random }), 'INVALID_ARGUMENT');
  });

  test('lays objects out as documented', async () => {
    const folder = await newFolder();
    await using store = await openFolderStore({ folder, random });
    await store.claim('the-catalog');
    await store.writeObject('acme/packs/p1', [new Uint8Array(3)]);
    const draft = await store.createDraft({ entity: 'acme', ingestId: 'i1' });
    expect(await readdir(join(folder, 'acme/staging/i1'))).toHaveLength(1);
    await draft.publish('acme/blobs/md5/ab/abcd-u1');
    expect(await readFile(join(folder, 'waybill-store.json'), 'utf8')).toBe(
      '{"format":1,"catalogId":"the-catalog"}\n',
    );
    const files = await readdir(folder, { recursive: true });
    expect(files.toSorted()).toEqual([
      'acme',
      'acme/blobs',
      'acme/blobs/md5',
      'acme/blobs/md5/ab',
      'acme/blobs/md5/ab/abcd-u1',
      'acme/packs',
      'acme/packs/p1',
      'acme/staging',
      'acme/staging/i1',
      'waybill-store.json',
    ]);
    await store.remove('acme/staging/i1/nothing');
    expect(await readdir(join(folder, 'acme/staging'))).toEqual([]);
  });

  test('passes over what is no object of its own', async () => {
    const folder = await newFolder();
    await using store = await openFolderStore({ folder, random });
    await store.writeObject('acme/packs/p1', []);
    await mkdir(join(folder, 'lost+found'));
    await writeFile(join(folder, 'acme/packs/not a key'), '');
    await writeFile(join(folder, 'acme/.nfs0001'), '');
    await symlink('/etc', join(folder, 'acme/packs/link'));
    const keys = (await Array.fromAsync(store.list(''))).map(({ key }) => key);
    expect(keys).toEqual(['acme/.nfs0001', 'acme/packs/p1']);
    expect(await store.sizeOf('acme/packs/link')).toBeUndefined();
  });

  test.for([
    ['{"format":2,"somethingNew":true}', 'TOO_NEW'],
    ['{"format":1}', 'CORRUPT'],
    ['{"format":"1","catalogId":"x"}', 'CORRUPT'],
    ['', 'CORRUPT'],
    ['nonsense', 'CORRUPT'],
    ['null', 'CORRUPT'],
  ] as const)('refuses a store file that says %j', async ([text, code]) => {
    const folder = await newFolder();
    await writeFile(join(folder, 'waybill-store.json'), text);
    await using store = await openFolderStore({ folder, random });
    const error = await expectCode(() => store.claim('x'), code);
    expect(error.message).toContain(folder);
    expect(await readFile(join(folder, 'waybill-store.json'), 'utf8')).toBe(text);
  });

  test('tells of a read error which object it was', async () => {
    const folder = await newFolder();
    await using store = await openFolderStore({ folder, random });
    await mkdir(join(folder, 'acme/packs/p1'), { recursive: true });
    const error = await expectCode(() => store.readRange('acme/packs/p1', { offset: 0, length: 1 }), 'IO');
    expect(error.message).toMatch(/cannot read object acme\/packs\/p1 in folder .*EISDIR/);
    await chmod(folder, 0o755);
  });
});
