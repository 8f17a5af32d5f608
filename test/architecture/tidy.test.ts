import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownFiles, REPOSITORY_ROOT } from './repository.ts';

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface TidyRule {
  readonly name: string;
  readonly appliesTo: RegExp;
  /** What is wrong, as the offending pieces of text; empty when nothing is. */
  find(file: SourceFile): string[];
  /** Breaks the rule; keeps the rule itself tested. */
  readonly planted: SourceFile;
}

const LINES_MAX = 400;

/** Files over the limit with the reason. It may only shrink. */
const LONG_FILES: ReadonlySet<string> = new Set();

const TYPESCRIPT = /\.ts$/;
const ANY_TEXT = /./;

function matching(pattern: RegExp): (file: SourceFile) => string[] {
  return ({ text }) => text.match(pattern) ?? [];
}

/** The text between the bracket at `start` and the one that closes it. */
function bracketed(text: string, start: number): string {
  const open = text[start];
  const close = open === '{' ? '}' : ')';
  let depth = 0;
  for (let end = start; end < text.length; end += 1) {
    if (text[end] === open) depth += 1;
    else if (text[end] === close) depth -= 1;
    if (depth === 0) return text.slice(start, end);
  }
  return text.slice(start);
}

function errorsWithoutCause({ text }: SourceFile): string[] {
  const found: string[] = [];
  for (const clause of text.matchAll(/\bcatch \(\w+(?:: unknown)?\) \{/g)) {
    const body = bracketed(text, clause.index + clause[0].length - 1);
    for (const thrown of body.matchAll(/throw new \w+\(/g)) {
      const args = bracketed(body, thrown.index + thrown[0].length - 1);
      if (!/\bcause\b/.test(args)) found.push(thrown[0] + args);
    }
  }
  return found;
}

const rules: TidyRule[] = [
  {
    name: 'no leftover markers',
    appliesTo: ANY_TEXT,
    find: matching(new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`, 'g')),
    planted: { path: 'packages/core/src/a.ts', text: `// ${'TO' + 'DO'}: later\n` },
  },
  {
    name: `at most ${LINES_MAX} lines`,
    appliesTo: TYPESCRIPT,
    find: ({ path, text }) => {
      const lineCount = text.trimEnd().split('\n').length;
      return lineCount > LINES_MAX && !LONG_FILES.has(path) ? [`${lineCount} lines`] : [];
    },
    planted: { path: 'packages/core/src/a.ts', text: 'a();\n'.repeat(LINES_MAX + 1) },
  },
  {
    name: 'index files list names',
    appliesTo: TYPESCRIPT,
    find: matching(/^export \* .*/gm),
    planted: { path: 'packages/core/src/index.ts', text: "export * from './a.ts';\n" },
  },
  {
    name: 'no default exports',
    appliesTo: /^(?!.*\.config\.ts$).*\.ts$/,
    find: matching(/^export default .*/gm),
    planted: { path: 'packages/core/src/a.ts', text: 'export default 1;\n' },
  },
  {
    name: 'kebab-case file names',
    appliesTo: TYPESCRIPT,
    find: ({ path }) =>
      /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)?\.ts$/.test(basename(path)) ? [] : [basename(path)],
    planted: { path: 'packages/core/src/EntryPath.ts', text: '' },
  },
  {
    name: 'no paths of one machine',
    appliesTo: ANY_TEXT,
    find: matching(
      new RegExp(
        `(?<![\\w./})*-])/(?:${['work', 'tmp', 'root', 'home', 'Users'].join('|')})(?![\\w-]).*`,
        'g',
      ),
    ),
    planted: { path: 'docs/a.md', text: ['cd ', 'work', 'main\n'].join('/') },
  },
  {
    name: 'no test left out or singled out',
    appliesTo: /\.test\.ts$/,
    find: matching(/\b(?:describe|it|suite|test)(?:\.\w+)*\.(?:only|skip|todo)\b/g),
    planted: { path: 'packages/core/test/a.test.ts', text: `describe.${'only'}('a', () => {});\n` },
  },
  {
    name: 'an error thrown in a catch keeps its cause',
    appliesTo: /\/src\/.*\.ts$/,
    find: errorsWithoutCause,
    planted: {
      path: 'packages/core/src/a.ts',
      text: "try {\n  f();\n} catch (error) {\n  throw new ArtifactError('A', 'b');\n}\n",
    },
  },
];

function findings(rule: TidyRule, file: SourceFile): string[] {
  if (!rule.appliesTo.test(file.path)) return [];
  return rule.find(file).map((finding) => `${file.path}: ${finding}`);
}

describe('tidy', async () => {
  const files: SourceFile[] = [];
  for await (const path of ownFiles()) {
    files.push({ path, text: await readFile(join(REPOSITORY_ROOT, path), 'utf8') });
  }

  test('reads the sources', () => {
    expect(files.map((file) => file.path)).toContain('test/architecture/tidy.test.ts');
    expect(files.map((file) => file.path)).toContain('packages/cli/src/bin.ts');
  });

  test.for(rules)('$name', (rule) => {
    expect(files.flatMap((file) => findings(rule, file))).toEqual([]);
  });

  test.for(rules)('a planted violation is found: $name', (rule) => {
    expect(findings(rule, rule.planted)).toHaveLength(1);
  });

  test('every exception is still needed', () => {
    const paths = new Set(files.map((file) => file.path));
    expect([...LONG_FILES].filter((path) => !paths.has(path))).toEqual([]);
  });
});
