import { describe, expect, test } from 'vitest';
import { assertLocalFileSystem } from '../src/local-file-system.ts';

const FUSE = 0x65735546;

type Mount = readonly [point: string, type: string, source: string];

function mountInfo(...mounts: readonly Mount[]): string {
  const lines = mounts.map(
    ([point, type, source], n) => `${20 + n} 1 8:1 / ${point} rw,relatime shared:1 - ${type} ${source} rw`,
  );
  return `${lines.join('\n')}\n`;
}

function refusalOf(folder: string, probe: { type: number; mounts?: string }): string | undefined {
  try {
    assertLocalFileSystem(folder, { typeOf: () => probe.type, mountInfo: () => probe.mounts ?? '' });
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'UNSUPPORTED' });
    return Error.isError(error) ? error.message : String(error);
  }
}

describe('a catalog', () => {
  test.for([
    ['ext4', 0xef53],
    ['XFS', 0x58465342],
    ['Btrfs', 0x9123683e],
    ['tmpfs', 0x01021994],
    ['overlay', 0x794c7630],
    ['ZFS', 0x2fc12fc1],
  ] as const)('may lie on %s', ([, type]) => {
    expect(refusalOf('/srv', { type })).toBeUndefined();
  });

  test.for([
    ['NFS', 0x6969],
    ['SMB', 0x517b],
    ['SMB', 0xfe534d42],
    // Some systems give the number as a signed one.
    ['CIFS', 0xff534d42 | 0],
    ['9p', 0x01021997],
    ['Ceph', 0x00c36400],
    ['Lustre', 0x0bd00bd0],
  ] as const)('may not lie on %s (%i)', ([name, type]) => {
    const message = refusalOf('/srv/data', { type });
    expect(message).toContain('/srv/data');
    expect(message).toContain(name);
    expect(message).toContain('local disk');
  });

  test.for([
    ['/mnt/r/x', 'fuse.sshfs', 'me@host:/data'],
    ['/mnt/r', 'fuse.s3fs', 's3fs'],
    ['/mnt/r/x', 'fuse.rclone', 'remote:bucket'],
    ['/mnt/r/x', 'fuse', 'host:/volume'],
    ['/mnt/r/x', 'virtiofs', 'share'],
  ] as const)('may not lie on %s of %s', ([folder, type, source]) => {
    const mounts = mountInfo(
      ['/', 'ext4', '/dev/sda1'],
      ['/mnt/r', type, source],
      ['/mnt', 'ext4', '/dev/sdb'],
    );
    expect(refusalOf(folder, { type: FUSE, mounts })).toContain(type);
  });

  test.for([
    ['/mnt/my\\040disk', '/mnt/my disk/waybill', 'fuseblk', '/dev/sdb1'],
    ['/srv/vault', '/srv/vault', 'fuse.gocryptfs', '/srv/.vault'],
    ['/pool', '/pool/x', 'fuse.mergerfs', 'a:b'],
  ] as const)('may lie on the local disk %s', ([point, folder, type, source]) => {
    const mounts = mountInfo(['/', 'ext4', '/dev/sda1'], [point, type, source === 'a:b' ? 'pool' : source]);
    expect(refusalOf(folder, { type: FUSE, mounts })).toBeUndefined();
  });

  test('the innermost mount counts, and of two on one point the later', () => {
    const sshfs = ['/mnt', 'fuse.sshfs', 'host:/'] as const;
    const local = ['/mnt/local', 'fuseblk', '/dev/sdc'] as const;
    const root = ['/', 'ext4', '/dev/sda1'] as const;
    const at = (folder: string, ...mounts: readonly Mount[]): string | undefined =>
      refusalOf(folder, { type: FUSE, mounts: mountInfo(...mounts) });
    expect(at('/mnt/local/x', root, sshfs, local)).toBeUndefined();
    expect(at('/mnt/localhost', root, sshfs, local)).toContain('fuse.sshfs');
    expect(at('/mnt/x', root, ['/mnt', 'fuseblk', '/dev/sdd'], sshfs)).toContain('fuse.sshfs');
    expect(at('/mnt/x', root, sshfs, ['/mnt', 'fuseblk', '/dev/sdd'])).toBeUndefined();
  });

  test('this machine can be asked', () => {
    expect(() => assertLocalFileSystem(process.cwd())).not.toThrow();
  });
});
