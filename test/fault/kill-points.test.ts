import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSound, freshHome, type Home, listFaultPoints, ONE_THREAD } from './fault-run.ts';

/** Fewer points than this would mean that an effect lost its fault point. */
const PUT_POINTS_MIN = 40;
const GC_POINTS_MIN = 10;
const LARGE_BYTES = 5 * 1024 * 1024;

let tree: string;
const put = (): string[] => ['put', tree, '--name', 'data', '--type', 'dataset', '--json'];

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'waybill-tree-'));
  mkdirSync(join(tree, 'inner', 'deep'), { recursive: true });
  for (let index = 0; index < 12; index++) {
    writeFileSync(join(tree, 'inner', `small-${index}.txt`), `content ${index % 9}`);
    writeFileSync(join(tree, 'inner', 'deep', `other-${index}.txt`), `other ${index}`);
  }
  writeFileSync(join(tree, 'large.bin'), Buffer.alloc(LARGE_BYTES, 'waybill'));
  writeFileSync(join(tree, 'empty'), '');
});

afterAll(() => {
  rmSync(tree, { recursive: true, force: true });
});

async function undisturbedDigest(): Promise<string> {
  using home = freshHome();
  const result = await home.run(put());
  const { digest } = JSON.parse(result.stdout) as { digest: string };
  return digest;
}

/** Kills the command at one point, and expects that the kill is what ended it. */
async function killAt(home: Home, point: number, args: readonly string[]): Promise<void> {
  const killed = await home.run(args, { ...ONE_THREAD, WAYBILL_FAULT_KILL_AT: String(point) });
  expect(killed.signal).toBe('SIGKILL');
}

async function finishPut(home: Home, byResume: boolean): Promise<void> {
  const listed = await home.run(['resume', '--json']);
  const { ingests } = JSON.parse(listed.stdout) as { ingests: { id: string }[] };
  const [open] = ingests;
  const args = byResume && open !== undefined ? ['resume', open.id, '--json'] : put();
  const finished = await home.run(args);
  expect(finished.stderr).toBe('');
  expect(finished.code).toBe(0);
}

describe('killed at every fault point', () => {
  it('put is finished by resume, or by the same put, with the same digest and nothing left over', async () => {
    const digest = await undisturbedDigest();
    using probe = freshHome();
    const points = await listFaultPoints(probe, put());
    expect(points.length).toBeGreaterThanOrEqual(PUT_POINTS_MIN);
    for (let point = 1; point <= points.length; point++) {
      using home = freshHome();
      await killAt(home, point, put());
      await finishPut(home, point % 2 === 0);
      await expectSound(home, { digest, tree });
    }
    process.stdout.write(`killed put at ${points.length} points: ${[...new Set(points)].join(' ')}\n`);
  });

  it('gc harms nothing that is committed, and the next one finishes the work', async () => {
    const digest = await undisturbedDigest();
    using template = freshHome();
    const other = join(template.folder, 'other');
    mkdirSync(other);
    for (let index = 0; index < 20; index++) writeFileSync(join(other, `dead-${index}`), `dead ${index}`);
    writeFileSync(join(other, 'small-0.txt'), 'content 0');
    writeFileSync(join(other, 'dead.bin'), Buffer.alloc(LARGE_BYTES, 'dead'));
    expect((await template.run(['put', other, '--name', 'old', '--type', 'dataset'])).code).toBe(0);
    expect((await template.run(put())).code).toBe(0);
    expect((await template.run(['delete', 'old:v0', '--delete-aliases'])).code).toBe(0);
    const gc = ['gc', '--grace', '0', '--json'];
    using probe = freshHome();
    cpSync(join(template.folder, 'home'), join(probe.folder, 'home'), { recursive: true });
    const points = await listFaultPoints(probe, gc);
    expect(points.length).toBeGreaterThanOrEqual(GC_POINTS_MIN);
    for (let point = 1; point <= points.length; point++) {
      using home = freshHome();
      cpSync(join(template.folder, 'home'), join(home.folder, 'home'), { recursive: true });
      await killAt(home, point, gc);
      await expectSound(home, { digest, tree });
    }
    process.stdout.write(`killed gc at ${points.length} points: ${[...new Set(points)].join(' ')}\n`);
  });
});
