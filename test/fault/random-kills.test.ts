import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectSound, freshHome } from './fault-run.ts';

const KILLS = 50;
const FILES = 4_000;
/** Kills of one ingest before it is left to finish, so that each run is disturbed several times. */
const KILLS_PER_INGEST = 5;

let tree: string;

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'waybill-tree-'));
  for (let index = 0; index < FILES; index++) {
    const folder = join(tree, `folder-${index % 40}`);
    if (index < 40) mkdirSync(folder);
    writeFileSync(
      join(folder, `file-${index}`),
      Buffer.alloc(2_000 + (index % 7) * 3_000, `content ${index}`),
    );
  }
  writeFileSync(join(tree, 'large.bin'), Buffer.alloc(6_000_000, 'large'));
});

afterAll(() => {
  rmSync(tree, { recursive: true, force: true });
});

/** A small generator, so that the printed seed gives the same moments again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

it(`survives ${KILLS} kills at random moments`, async () => {
  const seed = Number(process.env['WAYBILL_SEED'] ?? Date.now() % 2 ** 31);
  process.stdout.write(`seed ${seed}: repeat with WAYBILL_SEED=${seed}\n`);
  const random = randomOf(seed);
  const put = ['put', tree, '--name', 'data', '--type', 'dataset', '--json'];
  using undisturbed = freshHome();
  const startMs = performance.now();
  const first = await undisturbed.run(put);
  const wholeMs = performance.now() - startMs;
  const { digest } = JSON.parse(first.stdout) as { digest: string };
  let kills = 0;
  while (kills < KILLS) {
    using home = freshHome();
    for (let round = 0; round < KILLS_PER_INGEST; round++) {
      const result = await home.run(put, {}, { killAfterMs: random() * wholeMs });
      if (result.signal === 'SIGKILL') kills++;
      else break;
    }
    const finished = await home.run(put);
    expect(finished.stderr).toBe('');
    expect(finished.code).toBe(0);
    await expectSound(home, { digest, tree });
  }
  expect(kills).toBeGreaterThanOrEqual(KILLS);
  process.stdout.write(`${kills} kills\n`);
});
