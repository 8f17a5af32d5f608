import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';
import { kernelSource } from './kernel-source.ts';

/**
 * Chains of four lanes. On Node 26 four are 7 to 10% faster than three in the kernel, although their state fills all 16
 * SIMD registers of x86-64, because a chain waits for its own last result most of the time; five are slower.
 */
export const KERNEL_CHAINS = 4;

const ASSEMBLY_DIR: string = join(import.meta.dirname, '..', 'assembly');
const ENTRY = 'md5.ts';
const SOURCES: ReadonlySet<string> = new Set([ENTRY, 'layout.ts']);
const GENERATED = 'kernels.generated.ts';
const OUTPUT = 'md5.wasm';

const FLAGS = [
  '--outFile',
  OUTPUT,
  '--enable',
  'simd',
  '--runtime',
  'stub',
  '-O3',
  '--noAssert',
  '--importMemory',
];

/** Compiles the MD5 kernels from their source. The same source always gives the same bytes. */
export async function compileKernel(chains: number = KERNEL_CHAINS): Promise<Uint8Array> {
  let compiled: Uint8Array | undefined;
  const stderr = asc.createMemoryStream();
  const { error } = await asc.main([ENTRY, ...FLAGS], {
    readFile: async (name) => {
      if (name === GENERATED) return kernelSource(chains);
      return SOURCES.has(name) ? readFile(join(ASSEMBLY_DIR, name), 'utf8') : null;
    },
    writeFile: (name, contents) => {
      if (name === OUTPUT && typeof contents !== 'string') compiled = contents;
    },
    listFiles: () => [],
    stderr,
  });
  if (error !== null) throw new Error(`asc failed:\n${stderr.toString()}`, { cause: error });
  if (compiled === undefined) throw new Error('asc wrote no module');
  return compiled;
}
