import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { chown, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { installPackages } from './install-packages.ts';
import type { ServerSkipped } from './server-skipped.ts';

/** A PostgreSQL server of its own in a temporary folder, without durability. */
export interface PostgresServer extends AsyncDisposable {
  /** Of the database `postgres`, as superuser. */
  readonly connectionString: string;
  /** Makes an empty database and answers its connection string. */
  createDatabase(): Promise<string>;
  /** Ends the server and everything it started, and removes its folder. */
  stop(): Promise<void>;
}

const execute = promisify(execFile);
const DEBIAN_FOLDER = '/usr/lib/postgresql';
const START_ATTEMPTS = 3;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const LOG_CHARS_MAX = 20_000;
const ROOT = 0;
const USER = 'waybill';

/**
 * Starts PostgreSQL from Debian's packages, installing them first when they are absent and the user is root.
 *
 * @param options `required`: there being no server is an error, not a skip. Give it in CI.
 */
export async function startPostgres(options: { required: boolean }): Promise<PostgresServer | ServerSkipped> {
  return orFail(await tryStart(), options);
}

function orFail<T extends object>(
  result: T | ServerSkipped,
  { required }: { required: boolean },
): T | ServerSkipped {
  if (required && 'skipped' in result) throw new Error(`PostgreSQL is needed here: ${result.skipped}`);
  return result;
}

async function tryStart(): Promise<PostgresServer | ServerSkipped> {
  const programs = (await findPrograms()) ?? (await installPrograms());
  if (typeof programs !== 'string') return programs;
  const owner = await serverOwner();
  // The real path: another uid may not be let through the links on the way to it.
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'waybill-postgres-'));
  try {
    if (owner.uid !== undefined) await chown(folder, owner.uid, owner.gid ?? owner.uid);
    return await launch({ programs, folder, owner });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return { skipped: `PostgreSQL did not start: ${Error.isError(error) ? error.message : String(error)}` };
  }
}

/** The folder of the newest installed version's programs. */
async function findPrograms(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN_FOLDER).catch(() => []);
  const [newest] = versions.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? undefined : join(DEBIAN_FOLDER, newest, 'bin');
}

async function installPrograms(): Promise<string | ServerSkipped> {
  const problem = await installPackages(['postgresql']);
  if (problem !== undefined) {
    return { skipped: `PostgreSQL is not installed in ${DEBIAN_FOLDER} and ${problem}` };
  }
  return (await findPrograms()) ?? { skipped: `the package postgresql left nothing in ${DEBIAN_FOLDER}` };
}

interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root. */
async function serverOwner(): Promise<Owner> {
  if (userInfo().uid !== ROOT) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([
        execute('id', ['-u', name]).then(({ stdout }) => Number(stdout)),
        execute('id', ['-g', name]).then(({ stdout }) => Number(stdout)),
      ]);
      return { uid, gid };
    } catch {
      // Try the next one.
    }
  }
  throw new Error('there is neither a user postgres nor a user nobody to run the server as');
}

async function launch(server: { programs: string; folder: string; owner: Owner }): Promise<PostgresServer> {
  const { programs, folder, owner } = server;
  const data = join(folder, 'data');
  await execute(
    join(programs, 'initdb'),
    ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    { ...owner, cwd: folder, timeout: START_TIMEOUT_MS },
  );
  const { child, port } = await startOnFreePort({ ...server, data });
  const address = `postgresql://${USER}@127.0.0.1:${port}`;
  let databases = 0;
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  return {
    connectionString: `${address}/postgres`,
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      const where = ['-h', '127.0.0.1', '-p', String(port), '-U', USER];
      await execute(join(programs, 'createdb'), [...where, name], { cwd: folder });
      return `${address}/${name}`;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A free port may be taken before the server has it; then another one is tried. */
async function startOnFreePort(server: {
  programs: string;
  folder: string;
  owner: Owner;
  data: string;
}): Promise<{ child: ChildProcessWithoutNullStreams; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '50',
      shared_buffers: '32MB',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = superviseServer([join(server.programs, 'postgres'), '-D', server.data, ...flags], server);
    try {
      await untilReady(child);
      return { child, port };
    } catch (error) {
      await end(child);
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

/**
 * Runs the server under a shell that ends it when this process goes, however it goes: its end of the pipe is closed
 * then. SIGQUIT has the server end its own children at once. Nobody else may be left to remove its data.
 */
function superviseServer(
  command: readonly string[],
  { folder, owner }: { folder: string; owner: Owner },
): ChildProcessWithoutNullStreams {
  const script = `exec 3<&0
    "$@" </dev/null 2>&1 &
    server=$!
    (read -r _ <&3; kill -QUIT "$server" && while kill -0 "$server"; do sleep 0.1; done && rm -rf data) 2>/dev/null &
    exec 3<&-
    wait "$server"`;
  return spawn('sh', ['-c', script, 'sh', ...command], { ...owner, cwd: folder, detached: true });
}

async function untilReady(child: ChildProcessWithoutNullStreams): Promise<void> {
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (log.length < LOG_CHARS_MAX) log += text;
  });
  child.stderr.resume();
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += POLL_MS) {
    if (log.includes('database system is ready to accept connections')) return;
    if (child.exitCode !== null) throw new Error(`it ended at once: ${log}`);
    await delay(POLL_MS);
  }
  throw new Error(`it was not ready after ${START_TIMEOUT_MS} ms: ${log}`);
}

async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.stdin.end();
  const timer = setTimeout(() => {
    // Its group: the shell, the server and what that started.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, STOP_TIMEOUT_MS);
  await promise;
  clearTimeout(timer);
}
