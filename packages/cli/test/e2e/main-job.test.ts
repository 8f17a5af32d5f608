import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTool } from './run-tool.ts';
import { type Reply, Sandbox } from './sandbox.ts';

const EVIL = 'evil\u001b[2J\nname';

let sandbox: Sandbox;
let first: Reply;

beforeAll(async () => {
  sandbox = await Sandbox.create();
  await sandbox.write({
    'tree/a.txt': 'alpha',
    'tree/b/c.txt': 'gamma',
    'tree/b/same.txt': 'alpha',
    'tree/empty': '',
    'tree/.hidden': 'hidden',
    [`tree/${EVIL}`]: 'odd name',
    'tree/naïve 名前/x': 'unicode',
    'tree/broken': '-> nowhere',
    'tree/big.bin': Buffer.alloc(5_000_000, 7),
  });
  first = await sandbox.done('put', 'tree', '--name', 'demo', '--type', 'dataset', '--metadata', '{"k": 1}');
});

afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** What `diff -r` says of two folders; nothing when they are equal. */
function diffTrees(a: string, b: string): string {
  return runTool(['diff', '-r', '--no-dereference', a, b]).stdout;
}

function base64Md5(content: string): string {
  return createHash('md5').update(content).digest('base64');
}

test('put answers exactly what is documented', () => {
  expect(Object.keys(first)).toEqual([
    'id',
    'entity',
    'project',
    'name',
    'type',
    'version',
    'state',
    'digest',
    'digestAlgorithm',
    'entries',
    'size',
    'aliases',
    'created',
    'skipped',
    'stats',
  ]);
  expect(first).toMatchObject({
    entity: 'local',
    project: 'default',
    name: 'demo',
    type: 'dataset',
    version: 'v0',
    state: 'COMMITTED',
    digestAlgorithm: 'MD5',
    entries: 8,
    size: 5_000_036,
    aliases: ['latest'],
    created: true,
    skipped: [{ path: sandbox.path('tree/broken'), reason: 'broken-link' }],
    stats: {
      files: 8,
      bytes: 5_000_036,
      filesHashed: 8,
      bytesHashed: 5_000_036,
      blobsStored: 7,
      bytesStored: 5_000_031,
      seconds: expect.any(Number) as unknown,
    },
  });
  expect(Object.keys(first.stats)).toEqual([
    'files',
    'bytes',
    'filesHashed',
    'bytesHashed',
    'blobsStored',
    'bytesStored',
    'seconds',
  ]);
  expect(Buffer.from(first.id, 'base64').toString()).toMatch(/^Artifact:\d+$/);
});

test('the digest is the documented one', async () => {
  const manifest = await sandbox.text('manifest', 'demo', '--format', 'ndjson');
  const rows = manifest
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { path: string; digest: string });
  const lines = rows.map(({ path, digest }) => `${path}:${digest}\n`);
  const preimage = `wandb-artifact-manifest-v1\n${lines.join('')}`;
  expect(createHash('md5').update(preimage).digest('hex')).toBe(first.digest);
  expect(rows.find(({ path }) => path === 'b/c.txt')?.digest).toBe(base64Md5('gamma'));
});

test('the same again makes no version; --force does', async () => {
  const again = await sandbox.done('put', 'tree', '--name', 'demo');
  expect(again).toMatchObject({ version: 'v0', created: false, digest: first.digest });
  expect(again.skipped).toEqual(first.skipped);
  expect(await sandbox.text('put', 'tree', '--name', 'demo')).toMatch(/^unchanged local\/default\/demo:v0 /);
  const forced = await sandbox.done(
    'put',
    'tree',
    '--name',
    'other',
    '--type',
    'model',
    '--digest',
    'XXH128',
  );
  expect(forced).toMatchObject({ version: 'v0', created: true, digestAlgorithm: 'XXH128' });
  expect(await sandbox.done('put', 'tree', '--name', 'other', '--force')).toMatchObject({
    version: 'v1',
    created: true,
  });
});

test('people see what was committed and what was left out', async () => {
  const text = await sandbox.text('put', 'tree', '--name', 'seen', '--type', 'dataset', '--alias', 'best');
  expect(text).toMatch(/^committed local\/default\/seen:v0: 8 entries, 4\.8 MiB\n/);
  expect(text).toMatch(/\n {2}aliases {2}best, latest\n/);
  expect(text).toMatch(/\nleft out 1 path:\n {2}.*\/tree\/broken \(broken-link\)\n$/);
});

test('get, verify, checkout', async () => {
  const got = await sandbox.done('get', 'demo', '--root', 'out');
  expect(got).toEqual({ root: sandbox.path('out'), entries: 8, bytes: 5_000_036, skipped: 0 });
  await rm(sandbox.path('tree/broken'));
  expect(diffTrees(sandbox.path('tree'), sandbox.path('out'))).toBe('');
  expect(await sandbox.done('verify', 'demo:v0', 'out')).toEqual({
    ok: true,
    missing: [],
    extra: [],
    changed: [],
  });
  expect(await sandbox.text('verify', 'demo', 'out')).toMatch(
    /^ok .* is exactly local\/default\/demo:v0: 8 files\n$/,
  );

  await writeFile(sandbox.path('out/a.txt'), 'ALPHA');
  await writeFile(sandbox.path('out/extra\nfile'), '');
  await rm(sandbox.path('out/b/c.txt'));
  const differing = await sandbox.json(['verify', 'demo', 'out']);
  expect(differing.exitCode).toBe(4);
  expect(differing.json).toEqual({
    ok: false,
    missing: ['b/c.txt'],
    extra: ['extra\nfile'],
    changed: ['a.txt'],
  });
  const told = await sandbox.run(['verify', 'demo', 'out']);
  expect(told.exitCode).toBe(4);
  expect(told.stdout.toString()).toMatch(
    /^changed {2}a\.txt\nmissing {2}b\/c\.txt\nextra {4}"extra\\nfile"\ndiffers /,
  );

  expect(await sandbox.done('get', 'demo', '--root', 'out')).toMatchObject({ entries: 8, skipped: 6 });
  expect(await readdir(sandbox.path('out'))).toContain('extra\nfile');
  expect(await sandbox.done('get', 'demo', '--root', 'part', '--only', 'b/**')).toMatchObject({ entries: 2 });
  expect((await readdir(sandbox.path('part'))).toSorted()).toEqual(['b']);
  expect(await sandbox.done('get', 'demo')).toMatchObject({ root: sandbox.path('artifacts/demo:v0') });

  const checkedOut = await sandbox.done('checkout', 'demo', 'checked');
  expect(checkedOut).toMatchObject({ root: sandbox.path('checked'), entries: 8, removed: 0 });
  await sandbox.write({ 'checked/extra/deep/file': 'x' });
  expect(await sandbox.done('checkout', 'demo', 'checked')).toMatchObject({
    removed: 1,
    foldersRemoved: 2,
    skipped: 8,
  });
  expect(diffTrees(sandbox.path('tree'), sandbox.path('checked'))).toBe('');
  const refused = await sandbox.failed(['checkout', 'demo', 'tree']);
  expect(refused).toMatchObject({ exitCode: 5, code: 'TARGET_CONFLICT' });
  expect(await sandbox.text('checkout', 'demo', 'out', '--force')).toContain(
    'removed 1 file and 0 emptied folders',
  );
});

test('ls', async () => {
  const top = await sandbox.done('ls', 'demo');
  expect(top).toMatchObject({ version: 'v0', next: null });
  expect(top.entries.map((entry) => entry.path)).toEqual([
    '.hidden',
    'a.txt',
    'b/',
    'big.bin',
    'empty',
    EVIL,
    'naïve 名前/',
  ]);
  expect(top.entries[1]).toEqual({ kind: 'file', path: 'a.txt', digest: base64Md5('alpha'), size: 5 });
  const human = await sandbox.text('ls', 'demo');
  expect(human).toMatch(/^ *5 B {2}a\.txt$/m);
  expect(human).toContain('"evil\\u001b[2J\\nname"');
  expect(human).not.toContain('\u001b');
  expect(await sandbox.text('ls', 'demo:v0', 'b')).toBe('5 B  b/c.txt\n5 B  b/same.txt\n');

  const paths: string[] = [];
  let after: string | null = null;
  do {
    const page: Reply = await sandbox.done(
      'ls',
      'demo',
      '--limit',
      '3',
      ...(after === null ? [] : ['--after', after]),
    );
    paths.push(...page.entries.map((entry) => entry.path));
    after = page.next;
  } while (after !== null);
  expect(paths).toEqual(top.entries.map((entry) => entry.path));

  const artifacts = await sandbox.done('ls');
  expect(artifacts.artifacts.map((artifact) => artifact.name)).toContain('demo');
  expect(artifacts.artifacts[0]).toMatchObject({ type: 'dataset', digestAlgorithm: 'MD5', latest: 'v0' });
  expect(await sandbox.text('ls', '--limit', '1')).toMatch(
    /^TYPE .*\n.*local\/default\/.*\nthere is more: go on with --after \d+\n$/,
  );
  expect((await sandbox.done('ls', '--project', 'nothing')).artifacts).toEqual([]);
});

test('cat', async () => {
  expect(await sandbox.text('cat', 'demo', 'b/c.txt')).toBe('gamma');
  const { stdout } = await sandbox.run(['cat', 'demo:v0', 'big.bin']);
  expect(stdout.equals(Buffer.alloc(5_000_000, 7))).toBe(true);
  const json = await sandbox.done('cat', 'demo', EVIL);
  expect(json).toEqual({
    version: 'v0',
    path: EVIL,
    digest: base64Md5('odd name'),
    size: 8,
    encoding: 'base64',
    content: Buffer.from('odd name').toString('base64'),
  });
  expect(await sandbox.text('cat', 'demo', 'a.txt', '-o', 'a.out')).toBe('');
  expect(await readFile(sandbox.path('a.out'), 'utf8')).toBe('alpha');
});

test('manifest', async () => {
  const wandb = JSON.parse(await sandbox.text('manifest', 'demo')) as Reply;
  expect(wandb).toMatchObject({ version: 1, storagePolicy: expect.any(String) as unknown });
  expect(wandb.contents['b/c.txt']).toMatchObject({ digest: base64Md5('gamma'), size: 5 });
  const { stdout } = await sandbox.run(['manifest', 'demo', '--json']);
  expect(JSON.parse(stdout.toString())).toEqual(wandb);
  const report = await sandbox.done('manifest', 'demo', '--format', 'parquet', '-o', 'm.parquet');
  const bytes = await readFile(sandbox.path('m.parquet'));
  expect(report).toEqual({
    version: 'v0',
    format: 'parquet',
    file: sandbox.path('m.parquet'),
    entries: 8,
    bytes: bytes.length,
  });
  expect(bytes.subarray(0, 4).toString()).toBe('PAR1');
});

test('show and versions', async () => {
  const shown = await sandbox.done('show', 'demo');
  expect(shown).toMatchObject({
    version: 'v0',
    digest: first.digest,
    metadata: { k: 1 },
    description: null,
    sources: [{ given: 'tree', path: sandbox.path('tree'), kind: 'directory', mode: 'store', into: '' }],
    leftOutCount: 1,
    leftOut: [
      { path: sandbox.path('tree/broken'), reason: 'broken-link', message: expect.any(String) as unknown },
    ],
    artifact: { name: 'demo', type: 'dataset' },
    ingest: { state: 'COMMITTED' },
  });
  const text = await sandbox.text('show', 'demo:latest');
  expect(text).toMatch(/^local\/default\/demo:v0\n/);
  expect(text).toMatch(/sources .*tree \(directory\)/);
  const versions = await sandbox.done('versions', 'other');
  expect(versions.versions.map((version) => version.version)).toEqual(['v1', 'v0']);
  expect(await sandbox.text('versions', 'other', '--limit', '1')).toMatch(
    /^VERSION .*\nv1 .* latest\nthere is more: go on with --after 1\n$/,
  );
  expect((await sandbox.done('versions', 'other', '--after', 'v1')).versions).toHaveLength(1);
});

test('diff, with what was added, removed, changed and moved', async () => {
  await sandbox.write({ 'two/a.txt': 'one', 'two/move-me': 'moved content', 'two/gone': 'gone' });
  await sandbox.done('put', 'two', '--name', 'two', '--type', 'dataset');
  await rm(sandbox.path('two'), { recursive: true });
  await sandbox.write({ 'two/a.txt': 'two two', 'two/here\nnow': 'moved content', 'two/new': 'new' });
  await sandbox.done('put', 'two', '--name', 'two');
  const diff = await sandbox.done('diff', 'two:v0', 'two:v1');
  expect(diff.changes).toHaveLength(4);
  expect(diff.changes).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: 'changed', path: 'a.txt', size: 7, fromSize: 3 }),
      expect.objectContaining({ kind: 'moved', path: 'here\nnow', fromPath: 'move-me' }),
      expect.objectContaining({ kind: 'removed', path: 'gone' }),
      expect.objectContaining({ kind: 'added', path: 'new', size: 3 }),
    ]),
  );
  expect(diff).toMatchObject({ from: 'v0', to: 'v1', added: { count: 1, bytes: 3 }, moved: { count: 1 } });
  const text = await sandbox.text('diff', 'two:v0', 'two');
  expect(text).toContain('> move-me -> "here\\nnow"  13 B\n');
  expect(text).toContain('1 added (3 B), 1 removed (4 B), 1 changed (7 B), 1 moved (13 B)\n');
  expect(await sandbox.text('diff', 'two:v1', 'two')).toMatch(/: no difference\n$/);
});

test('aliases, edit, delete, gc', async () => {
  expect((await sandbox.done('alias', 'add', 'two:v0', 'best', 'old')).aliases).toEqual(['best', 'old']);
  expect(await sandbox.text('alias', 'add', 'two:v1', 'best')).toBe(
    'local/default/two:v1 has the aliases best, latest\n',
  );
  expect((await sandbox.done('show', 'two:best')).version).toBe('v1');
  expect(await sandbox.done('alias', 'rm', 'two', 'best')).toEqual({ removed: ['best'], missing: [] });
  const partly = await sandbox.json(['alias', 'rm', 'two', 'old', 'nothing']);
  expect(partly).toMatchObject({ exitCode: 3, json: { removed: ['old'], missing: ['nothing'] } });

  await sandbox.write({ 'notes.md': '# Notes\n', 'facts.json': '{"x": [1]}' });
  const edited = await sandbox.done(
    'edit',
    'two:v0',
    '--description',
    '@notes.md',
    '--metadata',
    '@facts.json',
  );
  expect(edited).toMatchObject({ description: '# Notes\n', metadata: { x: [1] } });
  expect(await sandbox.text('edit', 'two:v0', '--no-description')).toBe('changed local/default/two:v0\n');
  expect(await sandbox.done('show', 'two:v0')).toMatchObject({ description: null, metadata: { x: [1] } });

  expect(await sandbox.failed(['delete', 'two:v1'])).toMatchObject({ exitCode: 5, code: 'ALIAS_CONFLICT' });
  expect(await sandbox.done('delete', 'two:v1', '--delete-aliases')).toMatchObject({
    version: 'v1',
    state: 'DELETED',
  });
  expect(await sandbox.failed(['show', 'two:v1'])).toMatchObject({ exitCode: 3, code: 'NOT_FOUND' });
  const dry = await sandbox.done('gc', '--dry-run', '--grace', '0');
  expect(dry).toMatchObject({ dryRun: true, graceSeconds: 0 });
  const collected = await sandbox.done('gc', '--grace', '0');
  expect(collected.entities).toHaveLength(1);
  expect(collected.entities[0]).toMatchObject({ entity: 'local', blobsCondemned: 2, openIngests: 0 });
  expect(dry.entities[0]?.blobsCondemned).toBe(2);
  expect(await sandbox.text('gc')).toMatch(/^local\n {2}kept {2,}\d+ versions\n/);
  expect(await sandbox.text('cat', 'two:v0', 'move-me')).toBe('moved content');
});

test('store check and rebuild-index', async () => {
  const check = await sandbox.done('store', 'check');
  expect(check).toMatchObject({ ok: true, findings: [] });
  expect(await sandbox.text('store', 'check')).toMatch(/^ok {2}read \d+ objects with /);
  const rebuilt = await sandbox.done('store', 'rebuild-index');
  expect(rebuilt).toMatchObject({ skippedCount: 0, skipped: [] });
  expect(await sandbox.done('store', 'rebuild-index', '--rehash')).toMatchObject({ blobs: rebuilt.blobs });
  expect(await sandbox.text('store', 'rebuild-index')).toMatch(/^index rebuilt: \d+ blobs in /);
  expect((await sandbox.done('store', 'check')).ok).toBe(true);
  expect(await sandbox.text('cat', 'demo', 'b/c.txt')).toBe('gamma');
});

test('resume has nothing to do', async () => {
  expect(await sandbox.done('resume')).toEqual({ ingests: [] });
  expect(await sandbox.text('resume')).toBe('no interrupted ingests\n');
  expect(await sandbox.failed(['resume', 'none'])).toMatchObject({ exitCode: 3, code: 'NOT_FOUND' });
  expect(await sandbox.failed(['cancel', 'none'])).toMatchObject({ exitCode: 3, code: 'NOT_FOUND' });
  const { id } = (await sandbox.done('show', 'demo')).ingest;
  expect(await sandbox.failed(['resume', id])).toMatchObject({ exitCode: 5, code: 'STATE_CONFLICT' });
});
