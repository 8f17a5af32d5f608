import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageNames, REPOSITORY_ROOT } from './repository.ts';

const ADAPTERS = ['catalog', 'hashing', 'manifest-file', 's3', 'store-fs'];

/** What each package may depend on: the direction of dependencies, stated once more as data. */
const ALLOWED: Record<string, { own: readonly string[]; outside: readonly string[] }> = {
  core: { own: [], outside: [] },
  pipeline: { own: ['core'], outside: [] },
  operations: { own: ['core'], outside: [] },
  hashing: { own: ['core'], outside: ['hash-wasm', 'piscina'] },
  'manifest-file': { own: ['core'], outside: ['hyparquet', 'hyparquet-writer'] },
  'store-fs': { own: ['core'], outside: ['ignore', 'picomatch'] },
  s3: { own: ['core'], outside: ['@aws-sdk/credential-provider-node', '@smithy/core', 'undici'] },
  catalog: { own: ['core'], outside: ['kysely', 'pg'] },
  embedded: { own: ['core', 'operations', 'pipeline', ...ADAPTERS], outside: [] },
  cli: {
    own: ['core', 'embedded', 'operations', 'pipeline'],
    // piscina is the one package the bundle leaves outside.
    outside: ['commander', 'env-paths', 'log-update', 'pino', 'piscina'],
  },
  testkit: { own: ['core'], outside: ['fast-check', 'pg', 'vitest'] },
};

interface PackageFiles {
  readonly dependencies: string[];
  readonly references: string[];
}

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(join(REPOSITORY_ROOT, path), 'utf8')) as T;
}

async function readPackage(name: string): Promise<PackageFiles> {
  const manifest = await readJson<{ dependencies?: Record<string, string> }>(`packages/${name}/package.json`);
  const config = await readJson<{ references?: { path: string }[] }>(`packages/${name}/tsconfig.json`);
  return {
    dependencies: Object.keys(manifest.dependencies ?? {}),
    references: (config.references ?? []).map((reference) => reference.path.replace('../', '@waybill/')),
  };
}

describe('the direction of dependencies', async () => {
  const names = await packageNames();

  test('covers every package', () => {
    expect(names.toSorted()).toEqual(Object.keys(ALLOWED).toSorted());
  });

  test.for(names)('%s declares only what it may use', async (name) => {
    const { dependencies } = await readPackage(name);
    const { own, outside } = ALLOWED[name] ?? { own: [], outside: [] };
    const allowed = [...own.map((other) => `@waybill/${other}`), ...outside];
    expect(dependencies.filter((dependency) => !allowed.includes(dependency))).toEqual([]);
  });

  test.for(names)('%s compiles against what it declares', async (name) => {
    const { dependencies, references } = await readPackage(name);
    const own = dependencies.filter((dependency) => dependency.startsWith('@waybill/'));
    expect(references.toSorted()).toEqual(own.toSorted());
  });

  test.for(names)('%s is built by the root project', async (name) => {
    const { references } = await readJson<{ references: { path: string }[] }>('tsconfig.json');
    expect(references.map((reference) => reference.path)).toContain(`packages/${name}`);
  });
});

describe('the lock file', async () => {
  const lock = await readJson<{ packages: Record<string, LockEntry> }>('package-lock.json');
  const installed = Object.entries(lock.packages).filter(([path]) => path.startsWith('node_modules/'));

  test('names no registry', () => {
    expect(installed.filter(([, entry]) => entry.resolved?.includes('://'))).toEqual([]);
  });

  test('has the optional packages of every platform', async () => {
    const wanted = Object.values(lock.packages).flatMap((entry) =>
      Object.keys((entry as { optionalDependencies?: object }).optionalDependencies ?? {}),
    );
    const paths = new Set(installed.map(([path]) => path));
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter((name) => !paths.has(`node_modules/${name}`))).toEqual([]);
  });

  test('brings no install script that nobody has reviewed', async () => {
    const { allowScripts } = await readJson<{ allowScripts: Record<string, boolean> }>('package.json');
    const withScripts = installed
      .filter(([, entry]) => entry.hasInstallScript === true)
      .map(([path]) => path);
    expect(withScripts).toEqual(Object.keys(allowScripts).map((name) => `node_modules/${name}`));
  });
});
