import { beforeAll, describe, expect, test } from 'vitest';
import { FixtureWorkspace, type ToolRun } from './fixture-workspace.ts';

type Tool = 'biome' | 'knip' | 'oxlint' | 'tsc';

interface Violation {
  readonly fence: string;
  readonly tool: Tool;
  readonly path: string;
  readonly source: string;
  /** What the line that reports `path` must also contain. */
  readonly report: string;
}

const COMMANDS: Record<Tool, readonly [string, ...string[]]> = {
  biome: ['biome', 'lint', '--reporter=github', '--max-diagnostics=none'],
  knip: ['knip', '--include', 'files,exports', '--no-config-hints', '--reporter', 'compact'],
  oxlint: ['oxlint', '--format=unix'],
  tsc: ['tsc', '-b', '--pretty', 'false'],
};

const violations: Violation[] = [
  {
    fence: 'a deep import is closed by the exports map',
    tool: 'tsc',
    path: 'packages/pipeline/src/deep-import.ts',
    source: "export { PLACE } from '@waybill/core/src/place.ts';\n",
    report: 'TS2307',
  },
  {
    fence: 'a deep import into dist is closed by the exports map',
    tool: 'tsc',
    path: 'packages/pipeline/test/deep-import.test.ts',
    source: "export { PLACE } from '@waybill/core/dist/place.js';\n",
    report: 'TS2307',
  },
  {
    fence: 'another package cannot be reached by a relative path',
    tool: 'tsc',
    path: 'packages/pipeline/src/relative-package.ts',
    source: "export { PLACE } from '../../core/src/place.ts';\n",
    report: 'TS2878',
  },
  {
    fence: 'another package cannot be reached by a relative path from a test',
    tool: 'biome',
    path: 'packages/pipeline/test/relative-package.test.ts',
    source: "import '../../core/src/place.ts';\n",
    report: 'noRestrictedImports',
  },
  {
    fence: 'core imports no Node.js module',
    tool: 'biome',
    path: 'packages/core/src/node-module.ts',
    source: "import { statSync } from 'node:fs';\n\nexport const stat = statSync;\n",
    report: 'noNodejsModules',
  },
  {
    fence: 'core imports no package',
    tool: 'biome',
    path: 'packages/core/src/imports-package.ts',
    source: "import { PLACE } from '@waybill/pipeline';\n\nexport const place = PLACE;\n",
    report: 'noRestrictedImports',
  },
  ...(
    [
      ['pipeline', 'store-fs'],
      ['pipeline', 'operations'],
      ['operations', 'catalog'],
      ['operations', 'pipeline'],
      ['catalog', 'store-fs'],
      ['hashing', 'pipeline'],
      ['manifest-file', 'store-fs'],
      ['store-fs', 'hashing'],
      ['s3', 'store-fs'],
      ['embedded', 'cli'],
      ['cli', 'store-fs'],
      ['testkit', 'catalog'],
    ] as const
  ).map(
    ([from, to]): Violation => ({
      fence: `${from} does not import ${to}`,
      tool: 'biome',
      path: `packages/${from}/src/imports-${to}.ts`,
      source: `import { PLACE } from '@waybill/${to}';\n\nexport const place = PLACE;\n`,
      report: 'noRestrictedImports',
    }),
  ),
  {
    fence: 'an undeclared dependency',
    tool: 'biome',
    path: 'packages/operations/src/undeclared.ts',
    source: "import { Pool } from 'pg';\n\nexport const pool = Pool;\n",
    report: 'noUndeclaredDependencies',
  },
  ...(['biome', 'oxlint'] as const).map(
    (tool): Violation => ({
      fence: `an import cycle (${tool})`,
      tool,
      path: 'packages/embedded/src/cycle-a.ts',
      source: "import { b } from './cycle-b.ts';\n\nexport const a = (): number => b();\n",
      report: tool === 'biome' ? 'noImportCycles' : 'no-cycle',
    }),
  ),
  {
    fence: 'process.env outside config.ts',
    tool: 'biome',
    path: 'packages/cli/src/reads-environment.ts',
    source: "export const home: unknown = process.env['HOME'];\n",
    report: 'noProcessEnv',
  },
  {
    fence: 'the environment by import outside config.ts',
    tool: 'biome',
    path: 'packages/catalog/src/reads-environment.ts',
    source: "import { env } from 'node:process';\n\nexport const home: unknown = env['HOME'];\n",
    report: 'noProcessEnv',
  },
  {
    fence: 'a promise nobody waits for',
    tool: 'oxlint',
    path: 'packages/store-fs/src/floating.ts',
    source: "import { rm } from 'node:fs/promises';\n\nexport function f(): void {\n  rm('a');\n}\n",
    report: 'no-floating-promises',
  },
  {
    fence: 'a promise nobody waits for in a test',
    tool: 'oxlint',
    path: 'packages/store-fs/test/floating.test.ts',
    source: "import { rm } from 'node:fs/promises';\n\nrm('a');\n",
    report: 'no-floating-promises',
  },
  {
    fence: 'an any that leaks',
    tool: 'oxlint',
    path: 'packages/catalog/src/any-leak.ts',
    source: "export const parsed: string = JSON.parse('1');\n",
    report: 'no-unsafe-assignment',
  },
  {
    fence: 'an error rethrown without its cause',
    tool: 'oxlint',
    path: 'packages/catalog/src/lost-cause.ts',
    source:
      "export function f(): void {\n  try {\n    f();\n  } catch (error) {\n    throw new Error('failed');\n  }\n}\n",
    report: 'preserve-caught-error',
  },
  {
    fence: 'syntax that type stripping cannot remove',
    tool: 'tsc',
    path: 'packages/core/src/enum-syntax.ts',
    source: 'export enum Color {\n  Red = 1,\n}\n',
    report: 'TS1294',
  },
  {
    fence: 'a dead file',
    tool: 'knip',
    path: 'packages/hashing/src/dead-file.ts',
    source: 'export const DEAD = 1;\n',
    report: 'dead-file.ts',
  },
  {
    fence: 'a dead export',
    tool: 'knip',
    path: 'packages/hashing/src/place.ts',
    source: 'export const PLACE = 1;\nexport const DEAD_EXPORT = 2;\n',
    report: 'DEAD_EXPORT',
  },
];

async function runAll(workspace: FixtureWorkspace): Promise<Record<Tool, ToolRun>> {
  const run = (tool: Tool): Promise<ToolRun> => {
    const [command, ...args] = COMMANDS[tool];
    return workspace.run(command, args);
  };
  const tsc = await run('tsc');
  const [biome, knip, oxlint] = await Promise.all([run('biome'), run('knip'), run('oxlint')]);
  return { biome, knip, oxlint, tsc };
}

describe('the fences', () => {
  let clean: Record<Tool, ToolRun>;
  let planted: Record<Tool, ToolRun>;

  beforeAll(async () => {
    await using workspace = await FixtureWorkspace.create();
    clean = await runAll(workspace);
    for (const { path, source } of violations) await workspace.write(path, source);
    await workspace.write(
      'packages/embedded/src/cycle-b.ts',
      "import { a } from './cycle-a.ts';\n\nexport const b = (): number => a();\n",
    );
    planted = await runAll(workspace);
  });

  test.for(Object.keys(COMMANDS) as Tool[])('%s finds nothing in a clean workspace', (tool) => {
    expect(clean[tool].output.trim()).not.toMatch(/error|packages\//i);
    expect(clean[tool].exitCode).toBe(0);
  });

  test.for(violations)('$tool catches: $fence', ({ tool, path, report }) => {
    const lines = planted[tool].output.split('\n').filter((line) => line.includes(path));
    expect(lines.join('\n'), planted[tool].output).toContain(report);
    expect(planted[tool].exitCode).not.toBe(0);
  });
});
