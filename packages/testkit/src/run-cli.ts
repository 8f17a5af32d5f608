import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../', import.meta.url));
const BUNDLE = join(PACKAGES, 'cli/dist/bundle/bin.js');
const SOURCE = join(PACKAGES, 'cli/src/bin.ts');
const TIMEOUT_MS = 60_000;
/** Nothing of the machine's own configuration may reach a test. */
const CLEARED = /^(?:WAYBILL_|NO_COLOR$|FORCE_COLOR$|NODE_OPTIONS$|NODE_V8_COVERAGE$)/;

export interface CliCall {
  readonly args: readonly string[];
  /** `WAYBILL_HOME` of the process. */
  readonly home: string;
  readonly cwd?: string;
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  /** The process is killed after so long. */
  readonly timeoutMs?: number;
  /** Without the powers of root: permissions of files count, also when root runs the tests. */
  readonly unprivileged?: boolean;
}

export interface CliResult {
  /** `null` when a signal ended the process. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunningCli {
  readonly process: ChildProcess;
  /** Resolves when the process has ended, however it ended. */
  readonly result: Promise<CliResult>;
}

let command: readonly string[] | undefined;

/**
 * The words that run the command: its bundle, as users have it, when that is newer than every source; else the sources,
 * which take longer to start.
 */
export function cliCommand(): readonly string[] {
  command ??= isBundleFresh()
    ? [process.execPath, BUNDLE]
    : [process.execPath, '--conditions=source', SOURCE];
  return command;
}

function isBundleFresh(): boolean {
  const bundledAtMs = statSync(BUNDLE, { throwIfNoEntry: false })?.mtimeMs;
  if (bundledAtMs === undefined) return false;
  // Folders too: their times tell of files that are gone.
  const sources = globSync(['*/package.json', '*/src', '*/src/**'], { cwd: PACKAGES });
  return sources.every((source) => statSync(join(PACKAGES, source)).mtimeMs < bundledAtMs);
}

/** Starts the command in a process of its own. */
export function startCli(call: CliCall): RunningCli {
  const powers = call.unprivileged === true ? withoutPowers() : [];
  const [program = '', ...args] = [...powers, ...cliCommand(), ...call.args];
  const child = spawn(program, args, {
    cwd: call.cwd,
    env: { ...cleanEnvironment(), WAYBILL_HOME: call.home, ...call.env },
    stdio: 'pipe',
    timeout: call.timeoutMs ?? TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A process that ends without reading its input is no failure of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(call.input ?? '');
  const result = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      const text = Buffer.concat(stderr).toString('utf8');
      resolve({ exitCode, signal, stdout: Buffer.concat(stdout), stderr: text });
    });
  });
  return { process: child, result };
}

/** Runs the command to its end. */
export async function runCli(call: CliCall): Promise<CliResult> {
  return startCli(call).result;
}

function cleanEnvironment(): Record<string, string | undefined> {
  // biome-ignore lint/style/noProcessEnv: a child inherits the environment of the test, but for what configures it.
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !CLEARED.test(name)));
}

/** Root keeps its name and loses what lets it pass over permissions. */
function withoutPowers(): string[] {
  if (process.getuid?.() !== 0) return [];
  return ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all'];
}
