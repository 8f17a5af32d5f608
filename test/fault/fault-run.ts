import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCli } from '@waybill/testkit';
import { expect } from 'vitest';

const COMMAND_TIMEOUT_MS = 120_000;
/** With one thread the points come in the same order every time. */
export const ONE_THREAD = { WAYBILL_THREADS: '1' } as const;

interface FaultResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Home extends Disposable {
  readonly folder: string;
  /** Runs the command with this home; kills it after a while if asked. */
  run(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
    options?: { killAfterMs?: number },
  ): Promise<FaultResult>;
}

/** A home folder of its own, removed at the end. */
export function freshHome(): Home {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-fault-'));
  return {
    folder,
    async run(args, env = {}, options = {}) {
      const running = startCli({
        args,
        env,
        home: join(folder, 'home'),
        timeoutMs: COMMAND_TIMEOUT_MS,
      });
      const { killAfterMs } = options;
      const timer =
        killAfterMs === undefined
          ? undefined
          : setTimeout(() => running.process.kill('SIGKILL'), killAfterMs);
      const { exitCode, signal, stdout, stderr } = await running.result;
      clearTimeout(timer);
      return { code: exitCode, signal, stdout: stdout.toString(), stderr };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Names of the fault points a run of the command reaches, in order. */
export async function listFaultPoints(home: Home, args: readonly string[]): Promise<string[]> {
  const log = join(home.folder, 'points.log');
  const result = await home.run(args, { ...ONE_THREAD, WAYBILL_FAULT_LOG: log });
  expect(result.stderr).toBe('');
  expect(result.code).toBe(0);
  return readFileSync(log, 'utf8').trim().split('\n');
}

/** What must hold after any fault and the recovery from it. */
export async function expectSound(home: Home, expected: { digest: string; tree: string }): Promise<void> {
  const shown = await home.run(['show', 'data', '--json']);
  expect(JSON.parse(shown.stdout)).toMatchObject({ digest: expected.digest, state: 'COMMITTED' });
  const gc = await home.run(['gc', '--grace', '0', '--json']);
  expect(gc.stderr).toBe('');
  expect(gc.code).toBe(0);
  const check = await home.run(['store', 'check', '--json']);
  expect(JSON.parse(check.stdout)).toMatchObject({ ok: true });
  expect(check.code).toBe(0);
  const root = join(home.folder, 'got');
  const got = await home.run(['get', 'data', '--root', root, '--json']);
  expect(got.code).toBe(0);
  const verified = await home.run(['verify', 'data', root, '--json']);
  expect(JSON.parse(verified.stdout)).toEqual({ ok: true, missing: [], extra: [], changed: [] });
  rmSync(root, { recursive: true });
}
