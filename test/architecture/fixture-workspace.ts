import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { packageNames, REPOSITORY_ROOT } from './repository.ts';

const CONFIG_FILES = [
  '.gitignore',
  '.oxlintrc.json',
  'biome.json',
  'knip.json',
  'package.json',
  'tsconfig.base.json',
  'tsconfig.json',
  'tsconfig.test.json',
];

export interface ToolRun {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * A copy of this repository's real configuration in a temporary folder: every package with its `package.json` and
 * `tsconfig.json` but only tiny source files, linked under `node_modules` like the real ones.
 */
export class FixtureWorkspace implements AsyncDisposable {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  static async create(): Promise<FixtureWorkspace> {
    const root = await mkdtemp(join(tmpdir(), 'waybill-architecture-'));
    await copyConfiguration(root);
    await linkModules(root);
    return new FixtureWorkspace(root);
  }

  /** Writes `text` at `path`, relative to the workspace's root. */
  async write(path: string, text: string): Promise<void> {
    await writeIn(this.#root, { path, text });
  }

  /** Runs one of the repository's tools in the workspace. */
  run(tool: string, args: readonly string[]): Promise<ToolRun> {
    const bin = join(REPOSITORY_ROOT, 'node_modules/.bin');
    const env = { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter), NO_COLOR: '1' };
    return new Promise((resolve) => {
      execFile(join(bin, tool), args, { cwd: this.#root, env }, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ exitCode, output: `${stdout}\n${stderr}` });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#root, { recursive: true, force: true });
  }
}

async function copyConfiguration(root: string): Promise<void> {
  for (const name of CONFIG_FILES) await cp(join(REPOSITORY_ROOT, name), join(root, name));
  for (const name of await packageNames()) {
    for (const file of ['package.json', 'tsconfig.json']) {
      const path = join('packages', name, file);
      await cp(join(REPOSITORY_ROOT, path), join(root, path));
    }
    await writeIn(root, {
      path: `packages/${name}/src/index.ts`,
      text: "export { PLACE } from './place.ts';\n",
    });
    await writeIn(root, { path: `packages/${name}/src/place.ts`, text: 'export const PLACE = 1;\n' });
    await writeIn(root, { path: `packages/${name}/test/place.test.ts`, text: testOf(name) });
  }
  await writeIn(root, { path: 'packages/cli/src/bin.ts', text: "import './place.ts';\n" });
}

function testOf(name: string): string {
  return `import { PLACE } from '@waybill/${name}';
import { constant } from 'fast-check';
import { expect, test } from 'vitest';

test('place', () => {
  expect(constant(PLACE)).toBeDefined();
});
`;
}

async function linkModules(root: string): Promise<void> {
  const from = join(REPOSITORY_ROOT, 'node_modules');
  await mkdir(join(root, 'node_modules/@waybill'), { recursive: true });
  for (const name of await readdir(from)) {
    if (name === '@waybill' || name === '.cache') continue;
    await symlink(join(from, name), join(root, 'node_modules', name));
  }
  for (const name of await packageNames()) {
    await symlink(join(root, 'packages', name), join(root, 'node_modules/@waybill', name));
  }
}

async function writeIn(root: string, { path, text }: { path: string; text: string }): Promise<void> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
}
