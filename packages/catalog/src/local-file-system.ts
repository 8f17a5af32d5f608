import { readFileSync, statfsSync } from 'node:fs';
import { ArtifactError } from '@waybill/core';

/** Type numbers `statfs` gives on Linux, for file systems whose locks or shared memory do not reach all who see them. */
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9p'],
  [0x564c, 'NCP'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0xaad7aaea, 'PanFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'VirtualBox shared folder'],
  [0xbacbacbc, 'VMware shared folder'],
]);
const FUSE = 0x65735546;

/** FUSE drivers for a place on another machine. Others, such as encrypted folders or NTFS disks, are local. */
const REMOTE_FUSE =
  /^(?:virtiofs|fuse\.(?:sshfs|.*s3.*|gcsfuse|gcsf|rclone|goofys|geesefs|davfs2?|curlftpfs|blobfuse2?|juicefs|seaweedfs|glusterfs|ceph.*|moosefs|mfs.*|lizardfs|beegfs.*|smbnetfs|osxfs|grpcfuse|vmhgfs-fuse|mount-s3|.*drive.*))$/i;
/** Where a mount comes from, when it names a host: `host:/folder`, `//host/share`, `s3://bucket`. */
const REMOTE_SOURCE = /^(?:[^/]+:|\/\/|[a-z0-9]+:\/\/)/i;

export interface FileSystemProbe {
  /** Type number of the file system a folder lies on. */
  typeOf(folder: string): number;
  /** The mounts as `/proc/self/mountinfo` lists them. */
  mountInfo(): string;
}

const SYSTEM_PROBE: FileSystemProbe = {
  typeOf: (folder) => statfsSync(folder).type,
  mountInfo: () => readFileSync('/proc/self/mountinfo', 'utf8'),
};

/**
 * Refuses a folder that other machines may write to at the same time: SQLite's locks and the memory its processes
 * share hold on one machine only. Checked on Linux.
 *
 * @param folder absolute, links resolved
 * @throws ArtifactError `UNSUPPORTED`
 */
export function assertLocalFileSystem(folder: string, probe: FileSystemProbe = SYSTEM_PROBE): void {
  if (process.platform !== 'linux') return;
  const kind = networkKind(folder, probe);
  if (kind === undefined) return;
  throw new ArtifactError(
    'UNSUPPORTED',
    `${folder} lies on a network file system (${kind}), where two machines could damage a catalog; keep it on a local disk (WAYBILL_HOME), the store may stay where it is`,
    { details: { subject: folder, fileSystem: kind } },
  );
}

function networkKind(folder: string, probe: FileSystemProbe): string | undefined {
  const type = probe.typeOf(folder) >>> 0;
  if (type !== FUSE) return NETWORK_TYPES.get(type);
  const mount = mountOf(folder, probe.mountInfo());
  if (mount === undefined) return undefined;
  return REMOTE_FUSE.test(mount.type) || REMOTE_SOURCE.test(mount.source) ? mount.type : undefined;
}

/** The innermost mount above a folder. */
function mountOf(folder: string, mountInfo: string): { type: string; source: string } | undefined {
  let found: { point: string; type: string; source: string } | undefined;
  for (const line of mountInfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const point = unescapeMount(left.split(' ')[4] ?? '');
    const [type = '', source = ''] = right.split(' ');
    const isAbove = point === '/' || folder === point || folder.startsWith(`${point}/`);
    // Of two mounts on one point the later one hides the earlier.
    if (isAbove && point.length >= (found?.point.length ?? 0)) {
      found = { point, type, source: unescapeMount(source) };
    }
  }
  return found;
}

function unescapeMount(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
