import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PowerLossDisk, runCli } from '@waybill/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('power-loss-child.ts', import.meta.url));
const LARGE_BYTES = 4 * 1024 * 1024 + 7;
/** Every how many points one is tried; each costs several processes. */
const STRIDE = 3;
const LOSSES_MIN = 20;

let top: string;
let tree: string;

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'waybill-power-'));
  tree = join(top, 'tree');
  mkdirSync(join(tree, 'inner'), { recursive: true });
  for (let index = 0; index < 10; index++) writeFileSync(join(tree, 'inner', `${index}`), `content ${index}`);
  writeFileSync(join(tree, 'large'), Buffer.alloc(LARGE_BYTES, 'large'));
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

/** One life of a home and its store: put, killed at a point (or not), then the power fails. */
async function live(name: string, killAt: number): Promise<{ home: string; store: string; stdout: string }> {
  const home = join(top, name, 'home');
  const store = join(top, name, 'store');
  const record = join(top, name, 'record');
  for (const folder of [home, store, record]) mkdirSync(folder, { recursive: true });
  const orders = { home, store, record, tree, killAt, logFile: join(top, name, 'points') };
  const child = spawnSync(process.execPath, ['--conditions=source', CHILD, JSON.stringify(orders)], {
    encoding: 'utf8',
  });
  if (killAt > 0) expect(child.signal, child.stderr).toBe('SIGKILL');
  else expect(child.status, child.stderr).toBe(0);
  await new PowerLossDisk({ folder: store, recordFolder: record }).powerLoss();
  return { home, store, stdout: child.stdout };
}

async function run(args: readonly string[], life: { home: string; store: string }): Promise<unknown> {
  const result = await runCli({
    args: [...args, '--json'],
    home: life.home,
    env: { WAYBILL_STORE: life.store },
  });
  expect(result.stderr).toBe('');
  const answer: unknown = JSON.parse(result.stdout.toString());
  return answer;
}

it('loses nothing that was committed when the power fails after any effect', async () => {
  const whole = await live('undisturbed', 0);
  const digest = whole.stdout;
  // A committed version survives as it is.
  expect(await run(['store', 'check'], whole)).toMatchObject({ ok: true });
  const points = readFileSync(join(top, 'undisturbed', 'points'), 'utf8')
    .trim()
    .split('\n').length;
  let losses = 0;
  for (let point = 1; point <= points; point += STRIDE) {
    const life = await live(`point-${point}`, point);
    losses++;
    // If the version was committed before the kill, all of it must be there before anything is repaired by a put.
    const check = await run(['store', 'check'], life);
    expect(check, `after point ${point}`).toMatchObject({
      damagedManifests: 0,
      damagedEntries: 0,
      damagedBlobs: 0,
    });
    expect(await run(['put', tree, '--name', 'data', '--type', 'dataset'], life)).toMatchObject({ digest });
    await run(['gc', '--grace', '0'], life);
    expect(await run(['store', 'check'], life), `after point ${point}`).toMatchObject({ ok: true });
    rmSync(join(top, `point-${point}`), { recursive: true });
  }
  expect(losses).toBeGreaterThanOrEqual(LOSSES_MIN);
  process.stdout.write(`${losses} power losses among ${points} points\n`);
});
