import { type SpawnSyncReturns, spawnSync } from 'node:child_process';

interface ToolOptions {
  readonly cwd?: string;
  /** All of the environment; by default that of the test. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs a program of the system to its end, without standard input. */
export function runTool(words: readonly string[], options: ToolOptions = {}): SpawnSyncReturns<string> {
  const [program = '', ...args] = words;
  const { cwd, env } = options;
  return spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: { ...env } }),
  });
}
