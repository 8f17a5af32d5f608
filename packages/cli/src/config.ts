import { isAbsolute, resolve } from 'node:path';
import { ArtifactError, type ErrorCode, type NameDefaults, parseArtifactName } from '@waybill/core';
import envPaths from 'env-paths';

const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the environment decides. Made once per run, frozen. */
export interface Config {
  /** Absolute folder of catalog, caches and, unless `storeFolder` says otherwise, the store. */
  readonly home: string;
  /** Absolute folder of the store; `undefined` means inside `home`. */
  readonly storeFolder: string | undefined;
  /** Entity and project of names that give none. */
  readonly names: NameDefaults;
  readonly logLevel: LogLevel;
  /** Threads that compute; `undefined` means as many as the process may use. */
  readonly threads: number | undefined;
  /** Where tests stop the process (`WAYBILL_FAULT_KILL_AT`, `WAYBILL_FAULT_LOG`); `undefined` always else. */
  readonly faults: FaultSettings | undefined;
  /** Colours: `undefined` means when writing to a terminal. */
  readonly color: boolean | undefined;
}

interface FaultSettings {
  readonly killAt: number;
  readonly logFile: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const THREADS_MAX = 1_024;
const URL_SCHEME = /^([a-z][a-z0-9+.-]+):\/\//i;

interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Reads the configuration of this process. See {@link parseConfig}. */
export function readConfig(workingFolder: string): Config {
  return parseConfig(process.env, {
    workingFolder,
    defaultHome: envPaths('waybill', { suffix: '' }).data,
  });
}

/**
 * Reads the `WAYBILL_*` variables (and `NO_COLOR`, `FORCE_COLOR`); a variable set to nothing counts as not set.
 *
 * @throws ArtifactError naming every wrong variable at once: `UNSUPPORTED` when all that is wrong is a kind of store
 * that this version does not have, else `INVALID_ARGUMENT`.
 */
export function parseConfig(
  env: Environment,
  defaults: { readonly workingFolder: string; readonly defaultHome: string },
): Config {
  const problems: Problem[] = [];
  const reader = { env, problems, workingFolder: defaults.workingFolder };
  const config: Config = {
    home: readFolder(reader, 'WAYBILL_HOME') ?? defaults.defaultHome,
    storeFolder: readFolder(reader, 'WAYBILL_STORE'),
    names: readNames(reader),
    logLevel: readLogLevel(reader),
    threads: readThreads(reader),
    faults: readFaults(env),
    color: readColor(env),
  };
  const [first] = problems;
  if (first === undefined) return Object.freeze(config);
  const messages = problems.map(({ message }) => message);
  const code = problems.every((problem) => problem.code === first.code) ? first.code : 'INVALID_ARGUMENT';
  throw new ArtifactError(code, messages.join('\n'), { details: { problems: messages } });
}

interface Reader {
  readonly env: Environment;
  readonly problems: Problem[];
  readonly workingFolder: string;
}

function readFolder({ env, problems, workingFolder }: Reader, variable: string): string | undefined {
  const value = env[variable];
  if (value === undefined || value === '') return undefined;
  const scheme = URL_SCHEME.exec(value)?.[1]?.toLowerCase();
  if (scheme !== undefined) {
    problems.push({
      code: 'UNSUPPORTED',
      message: `${variable} names ${scheme}://, and this version keeps its data in folders only; set it to a folder`,
    });
    return undefined;
  }
  if (value.includes('\0')) {
    problems.push({ code: 'INVALID_ARGUMENT', message: `${variable} contains a NUL character` });
    return undefined;
  }
  return isAbsolute(value) ? value : resolve(workingFolder, value);
}

function readNames({ env, problems }: Reader): NameDefaults {
  const entity = env['WAYBILL_ENTITY'] || 'local';
  const project = env['WAYBILL_PROJECT'] || 'default';
  // Each one alone, so that both are reported when both are wrong.
  for (const [variable, names] of [
    ['WAYBILL_ENTITY', { entity, project: 'p' }],
    ['WAYBILL_PROJECT', { entity: 'e', project }],
  ] as const) {
    try {
      parseArtifactName('n', names);
    } catch (error) {
      if (!(error instanceof ArtifactError)) throw error;
      problems.push({ code: 'INVALID_ARGUMENT', message: `${variable}: ${error.message}` });
    }
  }
  return Object.freeze({ entity, project });
}

function readLogLevel({ env, problems }: Reader): LogLevel {
  const value = env['WAYBILL_LOG'] || 'warn';
  const level = LOG_LEVELS.find((known) => known === value);
  if (level !== undefined) return level;
  const known = LOG_LEVELS.join(', ');
  problems.push({
    code: 'INVALID_ARGUMENT',
    message: `WAYBILL_LOG is ${JSON.stringify(value)}; use one of ${known}`,
  });
  return 'warn';
}

function readThreads({ env, problems }: Reader): number | undefined {
  const value = env['WAYBILL_THREADS'];
  if (value === undefined || value === '') return undefined;
  const threads = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (threads >= 1 && threads <= THREADS_MAX) return threads;
  problems.push({
    code: 'INVALID_ARGUMENT',
    message: `WAYBILL_THREADS is ${JSON.stringify(value)}; use a whole number from 1 to ${THREADS_MAX}`,
  });
  return undefined;
}

/** For the tests of this repository, so without checks or mention in any help. */
function readFaults(env: Environment): FaultSettings | undefined {
  const killAt = Number(env['WAYBILL_FAULT_KILL_AT'] ?? 0);
  const logFile = env['WAYBILL_FAULT_LOG'];
  return killAt > 0 || logFile !== undefined ? { killAt, logFile } : undefined;
}

/** `NO_COLOR` (no-color.org) wins over `FORCE_COLOR`. */
function readColor(env: Environment): boolean | undefined {
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced === undefined || forced === '') return undefined;
  return forced !== '0' && forced !== 'false';
}
