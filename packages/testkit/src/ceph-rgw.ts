import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { installPackages } from './install-packages.ts';
import type { ServerSkipped } from './server-skipped.ts';

/** An S3 server of its own: Ceph's RADOS gateway over a cluster of one monitor and one disk in memory. */
export interface RgwServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`; path style. */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Makes an empty bucket and answers its name. */
  createBucket(): Promise<string>;
  /** Ends the daemons and removes their folder. */
  stop(): Promise<void>;
}

const execute = promisify(execFile);
const PACKAGES = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'];
const PROGRAMS = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'ceph-authtool', 'monmaptool'];
const CREDENTIALS = { accessKeyId: 'WAYBILLTEST', secretAccessKey: 'a-secret-of-tests' };
/** Of one command. A `ceph` command waits for minutes where it cannot reach the monitor. */
const COMMAND_TIMEOUT_MS = 60_000;
const START_ATTEMPTS = 2;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 100;
const LOG_CHARS_MAX = 20_000;

/**
 * Starts Ceph from Debian's packages, installing them first when they are absent and the user is root.
 *
 * @param options `required`: there being no server is an error, not a skip. Give it in CI.
 */
export async function startRgw(options: { required: boolean }): Promise<RgwServer | ServerSkipped> {
  const result = await tryStart();
  if (options.required && 'skipped' in result) {
    throw new Error(`Ceph's RADOS gateway is needed here: ${result.skipped}`);
  }
  return result;
}

async function tryStart(): Promise<RgwServer | ServerSkipped> {
  if (!(await isInstalled())) {
    const problem = await installPackages(PACKAGES);
    if (problem !== undefined) return { skipped: `Ceph is not installed and ${problem}` };
  }
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(join(await realpath(tmpdir()), 'waybill-rgw-'));
    const daemons: Daemon[] = [];
    try {
      return await launch(folder, daemons);
    } catch (error) {
      await endAll(daemons);
      await rm(folder, { recursive: true, force: true });
      // A port may have been taken before the daemon had it.
      if (attempt < START_ATTEMPTS) continue;
      return { skipped: `Ceph did not start: ${Error.isError(error) ? error.message : String(error)}` };
    }
  }
}

async function isInstalled(): Promise<boolean> {
  try {
    await execute('sh', [
      '-c',
      'for name; do command -v "$name" >/dev/null || exit 1; done',
      'sh',
      ...PROGRAMS,
    ]);
    return true;
  } catch {
    return false;
  }
}

interface Cluster {
  readonly folder: string;
  readonly clusterId: string;
  readonly monitorAddress: string;
  readonly port: number;
}

async function launch(folder: string, daemons: Daemon[]): Promise<RgwServer> {
  const cluster: Cluster = {
    folder,
    clusterId: randomUUID(),
    monitorAddress: `v2:127.0.0.1:${await freePort()}`,
    port: await freePort(),
  };
  for (const name of ['mon', 'osd', 'rgw', 'run', 'log']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'ceph.conf'), configuration(cluster));
  await startMonitor(cluster, daemons);
  await startDisk(cluster, daemons);
  await run(cluster, [
    'radosgw-admin',
    'user',
    'create',
    '--uid=test',
    '--display-name=test',
    `--access-key=${CREDENTIALS.accessKeyId}`,
    `--secret-key=${CREDENTIALS.secretAccessKey}`,
  ]);
  const gateway = supervise(cluster, ['radosgw', '-f', '-n', 'client.rgw']);
  daemons.push(gateway);
  const endpoint = `http://127.0.0.1:${cluster.port}`;
  await untilAnswered(endpoint, gateway);
  return serverOf({ endpoint, folder, daemons });
}

function serverOf(server: { endpoint: string; folder: string; daemons: Daemon[] }): RgwServer {
  const { endpoint, folder, daemons } = server;
  let buckets = 0;
  const stop = async (): Promise<void> => {
    await endAll(daemons);
    await rm(folder, { recursive: true, force: true });
  };
  return {
    endpoint,
    region: 'us-east-1',
    credentials: CREDENTIALS,
    async createBucket() {
      buckets += 1;
      const name = `test-${buckets}`;
      await createBucket(endpoint, name);
      return name;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function configuration({ folder, clusterId, monitorAddress, port }: Cluster): string {
  return `[global]
fsid = ${clusterId}
mon_initial_members = a
mon_host = ${monitorAddress}
public_addr = 127.0.0.1
keyring = ${folder}/keyring
run_dir = ${folder}/run
log_file = ${folder}/log/$name.log
admin_socket = ${folder}/run/$name.asok
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_max_pg_per_osd = 1000
[mon.a]
mon_data = ${folder}/mon
[osd.0]
osd_data = ${folder}/osd
[client.rgw]
rgw_data = ${folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:${port}
`;
}

const USERS = [
  ['mon.', ['mon', 'allow *']],
  ['client.admin', ['mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *']],
  ['osd.0', ['mon', 'allow *', 'osd', 'allow *']],
  ['client.rgw', ['mon', 'allow *', 'osd', 'allow *']],
] as const;

async function startMonitor(cluster: Cluster, daemons: Daemon[]): Promise<void> {
  const { folder } = cluster;
  const keyring = join(folder, 'keyring');
  for (const [index, [user, rights]] of USERS.entries()) {
    const caps = rights.flatMap((right, at) => (at % 2 === 0 ? ['--cap', right] : [right]));
    const flags = index === 0 ? ['--create-keyring'] : [];
    await command(['ceph-authtool', keyring, ...flags, '--gen-key', '-n', user, ...caps]);
  }
  const map = join(folder, 'monmap');
  const members = ['--addv', 'a', `[${cluster.monitorAddress}]`];
  await command(['monmaptool', '--create', '--clobber', '--fsid', cluster.clusterId, ...members, map]);
  await run(cluster, ['ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring]);
  daemons.push(supervise(cluster, ['ceph-mon', '-f', '-i', 'a']));
  await run(cluster, ['ceph', '--connect-timeout', '30', 'auth', 'import', '-i', keyring]);
}

async function startDisk(cluster: Cluster, daemons: Daemon[]): Promise<void> {
  const diskId = randomUUID();
  await run(cluster, ['ceph', 'osd', 'new', diskId]);
  await run(cluster, ['ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', diskId]);
  daemons.push(supervise(cluster, ['ceph-osd', '-f', '-i', '0']));
  await run(cluster, ['ceph', 'osd', 'crush', 'add', 'osd.0', '1.0', 'host=h', 'root=default']);
}

async function run({ folder }: Cluster, [program = '', ...args]: readonly string[]): Promise<void> {
  await command([program, '-c', join(folder, 'ceph.conf'), ...args]);
}

async function command([program = '', ...args]: readonly string[]): Promise<void> {
  await execute(program, args, { timeout: COMMAND_TIMEOUT_MS, killSignal: 'SIGKILL' });
}

interface Daemon {
  readonly name: string;
  readonly child: ChildProcessWithoutNullStreams;
  log(): string;
}

/**
 * Runs a daemon under a shell that ends it when this process goes, however it goes: its end of the pipe is closed then.
 * Nothing of what it holds is worth a clean end, or is kept.
 */
function supervise({ folder }: Cluster, [name = '', ...args]: readonly string[]): Daemon {
  const script = `exec 3<&0
    folder=$1
    shift
    "$@" </dev/null 2>&1 &
    daemon=$!
    (read -r _ <&3; kill -KILL "$daemon"; cd / && rm -rf "$folder") 2>/dev/null &
    exec 3<&-
    wait "$daemon"`;
  const line = [name, '-c', join(folder, 'ceph.conf'), ...args];
  const child = spawn('sh', ['-c', script, 'sh', folder, ...line], { cwd: folder, detached: true });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (log.length < LOG_CHARS_MAX) log += text;
  });
  child.stderr.resume();
  return { name, child, log: () => log };
}

async function untilAnswered(endpoint: string, gateway: Daemon): Promise<void> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += POLL_MS) {
    if (gateway.child.exitCode !== null) break;
    const answer = await fetch(endpoint).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await delay(POLL_MS);
  }
  throw new Error(`${gateway.name} did not answer: ${gateway.log()}`);
}

async function endAll(daemons: readonly Daemon[]): Promise<void> {
  await Promise.all(daemons.map(({ child }) => end(child)));
}

async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.stdin.end();
  const timer = setTimeout(() => {
    // Its group: the shell and the daemon.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, STOP_TIMEOUT_MS);
  await promise;
  clearTimeout(timer);
}

/** Signed as "Signature Version 2" of the S3 API says, which is short enough to stand here. */
async function createBucket(endpoint: string, name: string): Promise<void> {
  const date = new Date().toUTCString();
  const signature = createHmac('sha1', CREDENTIALS.secretAccessKey)
    .update(`PUT\n\n\n\nx-amz-date:${date}\n/${name}`)
    .digest('base64');
  const answer = await fetch(`${endpoint}/${name}`, {
    method: 'PUT',
    headers: { 'x-amz-date': date, authorization: `AWS ${CREDENTIALS.accessKeyId}:${signature}` },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`cannot create bucket ${name}: ${answer.status} ${text}`);
}
