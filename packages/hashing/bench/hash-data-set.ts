import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Files of one kind, in the order in which they are hashed. */
export interface FileSet {
  readonly paths: readonly string[];
  readonly sizes: readonly number[];
}

export interface HashDataSet {
  /** Sizes with a lognormal distribution: median 40 KiB, sigma 0.8. */
  readonly small: FileSet;
  readonly large: FileSet;
  readonly huge: FileSet;
}

const SMALL_MEDIAN_BYTES = 40 * 1024;
const SMALL_SIGMA = 0.8;
const FILES_PER_FOLDER = 200;
const POOL_BYTES = 8 * 1024 * 1024;

const FULL = { smallFiles: 20_000, largeFiles: 64, largeBytes: 32 * 2 ** 20, hugeBytes: 2 * 2 ** 30 };
const TINY = { smallFiles: 60, largeFiles: 20, largeBytes: 300_000, hugeBytes: 5_000_000 };

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
function seededUniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes the files, or finds those of an earlier run: same folder and size, same files. */
export function makeHashDataSet(root: string, tiny: boolean): HashDataSet {
  const counts = tiny ? TINY : FULL;
  const folder = join(root, tiny ? 'hash-tiny' : 'hash');
  const uniform = seededUniform(20_261_123);
  const pool = Buffer.alloc(POOL_BYTES);
  for (let at = 0; at < POOL_BYTES; at += 4) pool.writeUInt32LE(uniform() * 2 ** 32, at);
  const smallSizes = Array.from({ length: counts.smallFiles }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return Math.min(POOL_BYTES, Math.round(SMALL_MEDIAN_BYTES * Math.exp(SMALL_SIGMA * normal)));
  });
  const set: HashDataSet = {
    small: fileSet(join(folder, 'small'), smallSizes),
    large: fileSet(join(folder, 'large'), new Array<number>(counts.largeFiles).fill(counts.largeBytes)),
    huge: fileSet(join(folder, 'huge'), [counts.hugeBytes]),
  };
  const done = join(folder, 'done');
  if (existsSync(done)) return set;
  rmSync(folder, { recursive: true, force: true });
  for (const files of [set.small, set.large, set.huge]) {
    for (const [index, path] of files.paths.entries()) {
      mkdirSync(join(path, '..'), { recursive: true });
      writeContent(path, {
        sizeBytes: files.sizes[index] ?? 0,
        pool,
        from: Math.floor(uniform() * POOL_BYTES),
      });
    }
  }
  writeFileSync(done, '');
  return set;
}

function fileSet(folder: string, sizes: readonly number[]): FileSet {
  const paths = sizes.map((_, index) =>
    join(folder, String(Math.floor(index / FILES_PER_FOLDER)), `file-${index}.bin`),
  );
  return { paths, sizes };
}

/** Writes bytes of the pool from a place on, round and round. */
function writeContent(path: string, content: { sizeBytes: number; pool: Buffer; from: number }): void {
  const descriptor = openSync(path, 'w');
  let at = content.from;
  let left = content.sizeBytes;
  while (left > 0) {
    const part = content.pool.subarray(at, at + left);
    left -= writeSync(descriptor, part);
    at = 0;
  }
  closeSync(descriptor);
}
