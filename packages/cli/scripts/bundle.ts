import { chmodSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'rolldown';

/**
 * Makes `dist/bundle` from the sources: the command in a few files, and the module its threads run in one. Resolving and
 * loading some four hundred small modules would take longer than most commands, in every process and every thread.
 */
const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** `node scripts/bundle.ts [NAME]`: the folder's name below `dist`, for a bundle that nobody else replaces meanwhile. */
const folder = path(`../dist/${process.argv[2] ?? 'bundle'}`);

const COMMON: BuildOptions = {
  platform: 'node',
  resolve: { conditionNames: ['source', 'import', 'node', 'default'] },
  // It starts its own worker file, which it finds beside itself.
  external: ['piscina'],
  logLevel: 'warn',
};

await build({
  ...COMMON,
  input: { bin: path('../src/bin.ts') },
  output: {
    dir: folder,
    cleanDir: true,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    comments: { legal: true },
  },
});

// Apart from the command: a module shared by both could end up in a file that runs the other one.
await build({
  ...COMMON,
  input: path('../../embedded/src/thread.ts'),
  output: {
    // `embedded` finds it by this name, beside itself.
    file: `${folder}/thread.js`,
    format: 'esm',
    codeSplitting: false,
    comments: { legal: true },
  },
});

chmodSync(`${folder}/bin.js`, 0o755);
