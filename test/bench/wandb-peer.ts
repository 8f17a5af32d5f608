import { execFileSync } from 'node:child_process';
import { runProcess } from './run-process.ts';

/**
 * The peer: `Artifact.add_dir` of the Python client, timed inside Python so that its imports do not count against it.
 * Recipe: `python3 -m venv PEER && PEER/bin/pip install wandb`, then `WANDB_PYTHON=PEER/bin/python npm run bench -- put`.
 */
const ADD_DIR = `
import sys, time, wandb
artifact = wandb.Artifact("bench", "dataset")
start = time.perf_counter()
artifact.add_dir(sys.argv[1], policy=sys.argv[2])
print(time.perf_counter() - start)
`;

/** The Python that has `wandb`, or `undefined`. */
export function findWandbPython(): string | undefined {
  const python = process.env['WANDB_PYTHON'] ?? 'python3';
  try {
    execFileSync(python, ['-c', 'import wandb'], { stdio: 'ignore' });
    return python;
  } catch {
    return undefined;
  }
}

/** Seconds `add_dir` takes, with empty caches on the measured file system. */
export async function timeAddDir(
  python: string,
  run: { tree: string; policy: 'mutable' | 'immutable'; scratch: string },
): Promise<number> {
  const env = {
    WANDB_CACHE_DIR: `${run.scratch}/cache`,
    WANDB_DATA_DIR: `${run.scratch}/data`,
    WANDB_CONFIG_DIR: `${run.scratch}/config`,
    WANDB_MODE: 'offline',
    WANDB_SILENT: 'true',
  };
  const { stdout } = await runProcess(python, ['-c', ADD_DIR, run.tree, run.policy], {
    env,
    cwd: run.scratch,
  });
  return Number(stdout.trim().split('\n').at(-1));
}
