import { ArtifactError } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../src/commands/command-table.ts';
import { runFaked } from './fake-surroundings.ts';

const NESTED = ['alias add', 'alias rm', 'store check', 'store rebuild-index'];
const RUNNABLE = [
  ...COMMANDS.map(({ name }) => name).filter((name) => name !== 'alias' && name !== 'store'),
  ...NESTED,
];

/** Arguments with which each command gets as far as opening the catalog. */
const COMPLETE: Readonly<Record<string, readonly string[]>> = {
  put: ['.', '--name', 'demo', '--type', 'dataset'],
  get: ['demo'],
  checkout: ['demo', 'dir'],
  verify: ['demo', 'dir'],
  ls: [],
  show: ['demo'],
  versions: ['demo'],
  diff: ['demo:v0', 'demo:v1'],
  cat: ['demo', 'a.txt'],
  manifest: ['demo'],
  'alias add': ['demo:v0', 'best'],
  'alias rm': ['demo', 'best'],
  edit: ['demo:v0', '--description', 'x'],
  delete: ['demo:v0'],
  gc: [],
  resume: [],
  cancel: ['abc'],
  'store check': [],
  'store rebuild-index': [],
};

function argvOf(command: string, extra: readonly string[] = []): string[] {
  return [...command.split(' '), ...(COMPLETE[command] ?? []), ...extra];
}

describe('help', () => {
  test('lists every command with its summary, the variables and the exit codes', async () => {
    const { exitCode, stdout, stderr } = await runFaked(['--help']);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    for (const { name } of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} {2,}\\w`, 'm'));
    expect(stdout).toContain('WAYBILL_HOME');
    expect(stdout).toContain('4 verification failed');
  });

  test.for(RUNNABLE)('%s has examples of itself and takes --json', async (command) => {
    const { exitCode, stdout } = await runFaked([...command.split(' '), '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: waybill ${command}`);
    expect(stdout).toContain('--json');
    const examples = stdout.slice(stdout.indexOf('Examples:')).split('\n').slice(1);
    expect(examples.filter((line) => line !== '').length).toBeGreaterThan(0);
    for (const line of examples)
      if (line !== '') expect(line).toMatch(new RegExp(`^ {2}\\$ waybill ${command}\\b`));
  });

  test('"help COMMAND" is its help', async () => {
    for (const words of [['put'], ['alias'], ['alias', 'add'], ['store', 'rebuild-index']]) {
      const asked = await runFaked(['help', ...words]);
      expect(asked.stdout).toBe((await runFaked([...words, '--help'])).stdout);
      expect(asked).toMatchObject({ exitCode: 0, stderr: '' });
      expect(asked.stdout).toContain(`Usage: waybill ${words.join(' ')}`);
    }
    expect((await runFaked(['help'])).stdout).toBe((await runFaked(['--help'])).stdout);
  });

  test('without a command it goes to standard error, and the status says wrong usage', async () => {
    for (const argv of [[], ['alias'], ['store']]) {
      const { exitCode, stdout, stderr } = await runFaked(argv);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toMatch(/^Usage: waybill /);
    }
  });

  test('--version', async () => {
    expect(await runFaked(['--version'])).toEqual({ exitCode: 0, stdout: '1.2.3\n', stderr: '' });
  });
});

const WRONG: readonly (readonly [argv: string, message: RegExp])[] = [
  ['pit .', /unknown command 'pit' \(did you mean put\?\); see "waybill --help"/],
  ['help nope', /unknown command 'nope'/],
  ['help pit', /unknown command 'pit' \(did you mean put\?\)/],
  ['help alias ad', /unknown command 'ad'/],
  ['nope --help', /unknown command 'nope'/],
  ['alias ad', /unknown command 'ad' .*see "waybill alias --help"/],
  ['put . --type dataset', /'-n, --name <name>' not specified; see "waybill put --help"/],
  ['put --name demo', /missing required argument 'path'/],
  ['put . --name demo --colour', /unknown option '--colour'/],
  ['put . --name a/b/c/d --type t', /--name: artifact name .* has more than ENTITY\/PROJECT\/NAME/],
  ['put . --name demo:v1 --type t', /contains ":"/],
  ['put . --name demo --type a/b', /artifact type "a\/b" must be/],
  ['put . --name demo --type job', /reserved for internal use/],
  ['put . --name demo --type t --alias v7', /--alias: alias "v7" is reserved/],
  ['put . --name demo --type t --alias a:b', /alias "a:b" must not contain/],
  ['put . --name demo --type t --digest sha1', /--digest: digest algorithm "sha1" is unknown/],
  ['put . --name demo --type t --metadata {"a":NaN}', /key "a" is NaN/],
  ['put . --name demo --type t --metadata [1]', /metadata must be a JSON object/],
  [
    'put . --name demo --type t --metadata @/dev/null',
    /^(?:waybill: )?--metadata: file "\/dev\/null": metadata is/,
  ],
  ['put . --name demo --type t --metadata {', /--metadata: metadata is not valid JSON/],
  ['put . --name demo --type t --force --reuse-any', /exclude each other/],
  ['put . --name demo --type t --into ../x', /--into: entry path "..\/x" climbs with/],
  ['put . --name demo --type t --into /abs', /--into: entry path "\/abs" is absolute/],
  ['put . --name demo --type t --into a/../..', /--into: .* climbs with/],
  ['cat demo /a', /PATH: entry path "\/a" is absolute/],
  ['cat demo .', /PATH: entry path "" is empty/],
  ["checkout demo ''", /DIR is empty; name a path, or \. for/],
  ["verify demo ''", /DIR is empty/],
  ["get demo --root ''", /--root is empty/],
  ["cat demo a -o ''", /--output is empty/],
  ["manifest demo -o ''", /--output is empty/],
  ['ls demo ../x', /PREFIX: entry path "..\/x" climbs with/],
  ['ls --project a/b', /--project: project "a\/b" must be/],
  ['get', /missing required argument 'name'/],
  ['get demo:', /alias "" is empty/],
  ['diff demo', /missing required argument 'b'/],
  ['diff a b c', /too many arguments/],
  ['ls demo --project p', /--project is for listing artifacts/],
  ['ls --limit 0', /--limit is "0"; use a whole number/],
  ['ls --limit 1e3', /--limit is "1e3"/],
  ['ls --after abc', /--after is "abc"/],
  ['manifest demo --format csv', /--format: manifest format "csv" is unknown/],
  ['manifest demo --format ndjson --json', /--json promises one JSON object/],
  ['alias add demo best', /does not say which version/],
  ['alias add demo:v0 v1', /alias "v1" is reserved/],
  ['alias rm demo:v0 best', /contains ":"/],
  ['edit demo:v0', /nothing to change/],
  ['edit demo --metadata {}', /does not say which version/],
  ['delete demo', /does not say which version/],
  ['gc --grace soon', /--grace: duration "soon" is not/],
];

describe('wrong usage', () => {
  test.for(WRONG)('%s', async ([line, message]) => {
    // '' stands for an empty word.
    const argv = line.split(' ').map((word) => (word === "''" ? '' : word));
    const { exitCode, stdout, stderr } = await runFaked(argv);
    expect({ exitCode, stdout: line.endsWith('--json') ? '' : stdout }).toEqual({ exitCode: 2, stdout: '' });
    if (!line.endsWith('--json')) expect(stderr).toMatch(message);
    const json = await runFaked([...argv, '--json']);
    expect(json).toMatchObject({ exitCode: 2, stderr: '' });
    const { error } = JSON.parse(json.stdout) as { error: { code: string; message: string } };
    expect(error.message).toMatch(message);
    expect(error.code).toMatch(/^INVALID_/);
  });

  test('a configuration that is wrong', async () => {
    const { exitCode, stderr } = await runFaked(['ls'], { env: { WAYBILL_LOG: 'x', WAYBILL_THREADS: 'y' } });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/WAYBILL_LOG.*\nWAYBILL_THREADS/);
  });
});

describe('failures', () => {
  test.for(RUNNABLE)(
    '%s --json: exactly one object on standard output, nothing elsewhere',
    async (command) => {
      const open = () =>
        Promise.reject(new ArtifactError('BUSY', 'the catalog is locked', { details: { a: 1 } }));
      const { exitCode, stdout, stderr } = await runFaked(argvOf(command, ['--json']), { open });
      expect({ exitCode, stderr }).toEqual({ exitCode: 5, stderr: '' });
      expect(JSON.parse(stdout)).toEqual({
        error: { code: 'BUSY', message: 'the catalog is locked', details: { a: 1 } },
      });
    },
  );

  test('for people: the message, what it lists and what was underneath, escaped', async () => {
    const error = new ArtifactError('SOURCE_UNREADABLE', '2 files cannot be read', {
      details: { problems: ['a\u001b[1m: no permission', 'b: no permission'] },
      cause: new Error('EACCES'),
    });
    const { exitCode, stdout, stderr } = await runFaked(['ls'], { open: () => Promise.reject(error) });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toBe(
      'waybill: 2 files cannot be read\n  a\\u001b[1m: no permission\n  b: no permission\n  because: EACCES\n',
    );
  });

  test('a long list is cut and counted', async () => {
    const problems = Array.from({ length: 25 }, (_, index) => `file-${index}.txt: gone`);
    const error = new ArtifactError('SOURCE_CHANGED', 'files changed', { details: { problems } });
    const { stderr } = await runFaked(['ls'], { open: () => Promise.reject(error) });
    expect(stderr.split('\n')).toHaveLength(1 + 20 + 2 + 1);
    expect(stderr).toMatch(/\n {2}and 5 more\n {2}--json lists them\n$/);
  });

  test('a list that has not all of them says how many there are', async () => {
    const message = 'its content is gone';
    const problems = Array.from({ length: 100 }, (_, index) => ({ path: `f${index}`, code: 'IO', message }));
    const error = new ArtifactError('IO', '150 files failed', { details: { count: 150, problems } });
    const { stderr } = await runFaked(['ls'], { open: () => Promise.reject(error) });
    expect(stderr).toContain('\n  "f0": its content is gone\n');
    expect(stderr).toMatch(/\n {2}and 130 more\n {2}--json lists 100 of them\n$/);
  });

  test('a list whose message names the first of it is not told twice', async () => {
    const problems = [
      { path: '/a', reason: 'changed', message: '/a kept changing' },
      { path: '/b', reason: 'changed', message: '/b kept changing' },
    ];
    const text = '2 paths could not be read:\n  /a kept changing\n  and 1 more; --json lists them';
    const error = new ArtifactError('SOURCE_CHANGED', text, { details: { count: 2, problems } });
    const { stderr } = await runFaked(['ls'], { open: () => Promise.reject(error) });
    expect(stderr).toBe(`waybill: ${text}\n`);
  });

  test('what failed while things were closed does not hide what failed before', async () => {
    const first = new ArtifactError('NO_SPACE', 'no space left in the store');
    const closing = new ArtifactError('IO', 'cannot give back the lock');
    const error = new SuppressedError(closing, new SuppressedError(closing, first));
    expect(await runFaked(['ls'], { open: () => Promise.reject(error) })).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'waybill: no space left in the store\n',
    });
  });

  test('a bug shows where it happened', async () => {
    const { exitCode, stderr } = await runFaked(['ls'], {
      open: () => Promise.reject(new TypeError('oops')),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^waybill: oops\nTypeError: oops\n {4}at /);
  });

  test('a reader that has gone is no failure', async () => {
    const error = new ArtifactError('CANCELLED', 'nobody reads', { details: { readerGone: true } });
    expect(await runFaked(['ls'], { open: () => Promise.reject(error) })).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });

  test('Ctrl-C during a command is its own status', async () => {
    const listeners = new Map<string, () => void>();
    const signals = {
      on: (signal: string, listener: () => void) => listeners.set(signal, listener),
      off: () => undefined,
      exit: () => undefined,
    };
    const open = () => {
      listeners.get('SIGINT')?.();
      return Promise.reject(new ArtifactError('CANCELLED', 'stopped'));
    };
    const { exitCode, stderr } = await runFaked(['ls'], { signals, open });
    expect(exitCode).toBe(130);
    expect(stderr).toBe('waybill: stopping in order; once more stops at once\nwaybill: stopped\n');
    const json = await runFaked(['ls', '--json'], { signals, open });
    expect(json).toMatchObject({ exitCode: 130, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'CANCELLED' } });
  });
});
