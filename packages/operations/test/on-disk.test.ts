import { createHash, randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ArtifactError, type VersionRef } from '@waybill/core';
import { type Embedded, openEmbedded } from '@waybill/embedded';
import {
  type CheckResult,
  catEntry,
  checkoutVersion,
  checkStore,
  collectGarbage,
  deleteVersion,
  diffVersions,
  exportManifest,
  getVersion,
  listEntries,
  rebuildIndex,
  type StoreFinding,
  showVersion,
  verifyVersion,
} from '@waybill/operations';
import { ingest } from '@waybill/pipeline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorOf } from './memory-world.ts';

// The use cases over the real adapters: SQLite, folders, threads, Parquet.

const ARTIFACT = { entity: 'team', project: 'project', name: 'data' } as const;
const LARGE = randomBytes(5_000_000);

let folder: string;
let ports: Embedded;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-operations-'));
  ports = await openEmbedded({ home: join(folder, 'home'), threads: 2 });
});

afterEach(async () => {
  await ports[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function ref(alias = 'latest'): VersionRef {
  return { ...ARTIFACT, alias };
}

async function put(path: string, reuse: 'latest' | 'never' = 'latest'): Promise<number> {
  const outcome = await ingest(ports, {
    artifact: ARTIFACT,
    type: 'dataset',
    aliases: [],
    paths: [path],
    into: '',
    workingFolder: folder,
    options: {
      include: [],
      exclude: [],
      followLinks: true,
      strict: false,
      useStatCache: false,
      reuse,
    },
  });
  return outcome.version.index;
}

async function write(root: string, files: Record<string, string | Uint8Array>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    const absolute = join(folder, root, path);
    await mkdir(join(absolute, '..'), { recursive: true });
    await writeFile(absolute, content);
  }
  return join(folder, root);
}

/** Everything below a folder: digests of files, links as links, empty folders. */
async function treeBelow(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(root.length + 1);
    if (entry.isFile())
      found[name] = createHash('md5')
        .update(await readFile(path))
        .digest('hex');
    else if (entry.isSymbolicLink()) found[name] = 'link';
    else if ((await readdir(path)).length === 0) found[name] = 'empty folder';
  }
  return found;
}

async function check(): Promise<{ findings: StoreFinding[]; result: CheckResult }> {
  const call = checkStore(ports, { repair: true });
  const findings: StoreFinding[] = [];
  for (;;) {
    const step = await call.next();
    if (step.done === true) return { findings, result: step.value };
    findings.push(step.value);
  }
}

async function objectsIn(part: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of ports.store.list('team/')) if (key.startsWith(`team/${part}/`)) keys.push(key);
  return keys;
}

const FILES = {
  'a.txt': 'content',
  'sub/b.txt': 'content',
  'sub/deep/c.bin': randomBytes(20_000),
  'sub-x': '',
  'new\nline/é\u{1f600}': 'odd name',
  'large.bin': LARGE,
};

describe('on disk', () => {
  test('get, verify, checkout, ls, cat, diff, manifest', async () => {
    const source = await write('source', FILES);
    await put(source);
    const out = join(folder, 'out');
    const got = await getVersion(ports, { ref: ref(), root: out, only: [] });
    expect(got).toMatchObject({ root: out, entries: 6, written: 6, skipped: 0 });
    expect(await treeBelow(out)).toEqual(await treeBelow(source));
    expect(await Array.fromAsync(verifyVersion(ports, { ref: ref(), root: out }))).toEqual([]);

    await write('out', {
      'a.txt': 'CONTENT',
      extra: 'x',
      'large.bin': Buffer.concat([LARGE.subarray(1), LARGE.subarray(0, 1)]),
    });
    await rm(join(out, 'sub-x'));
    await mkdir(join(out, 'empty'));
    await symlink('/etc', join(out, 'sub/link'));
    const differences = await Array.fromAsync(verifyVersion(ports, { ref: ref(), root: out }));
    expect(differences).toEqual([
      { kind: 'changed', path: 'a.txt' },
      { kind: 'extra', path: 'extra' },
      { kind: 'changed', path: 'large.bin' },
      { kind: 'missing', path: 'sub-x' },
      { kind: 'extra', path: 'sub/link' },
    ]);
    const again = await getVersion(ports, { ref: ref(), root: out, only: [] });
    expect(again).toMatchObject({ written: 3, skipped: 3 });
    expect((await treeBelow(out))['extra']).toBeDefined();

    await rm(join(out, 'sub-x'));
    await write('out', { 'sub-x/y': 'a folder in the place of a file' });
    await rm(join(out, 'new\nline'), { recursive: true });
    await write('out', { 'new\nline': 'a file in the place of a folder' });
    expect((await errorOf(() => checkoutVersion(ports, { ref: ref(), root: out, force: false }))).code).toBe(
      'TARGET_CONFLICT',
    );
    const checkedOut = await checkoutVersion(ports, { ref: ref(), root: out, force: true });
    expect(checkedOut).toMatchObject({ written: 2, skipped: 4, removed: 4, foldersRemoved: 2 });
    expect(await treeBelow(out)).toEqual(await treeBelow(source));
    expect((await readdir('/etc')).length).toBeGreaterThan(0);

    const listed = await listEntries(ports, { ref: ref(), prefix: '', limit: 10 });
    expect(listed.items.map(({ path }) => path)).toEqual([
      'a.txt',
      'large.bin',
      'new\nline/',
      'sub-x',
      'sub/',
    ]);
    for (const [path, content] of Object.entries(FILES)) {
      const { chunks } = await catEntry(ports, { ref: ref(), path });
      expect(Buffer.concat(await Array.fromAsync(chunks)).equals(Buffer.from(content))).toBe(true);
    }

    await rm(join(source, 'a.txt'));
    await cp(join(source, 'large.bin'), join(source, 'z/moved.bin'), { recursive: true });
    await rm(join(source, 'large.bin'));
    await write('source', { 'sub-x': 'no longer empty', 'sub/new': 'content' });
    expect(await put(source)).toBe(1);
    const diff = await Array.fromAsync(diffVersions(ports, { from: ref('v0'), to: ref('v1') }));
    expect(diff.map(({ kind, path, fromPath }) => [kind, path, fromPath])).toEqual([
      ['changed', 'sub-x', undefined],
      ['moved', 'sub/new', 'a.txt'],
      ['moved', 'z/moved.bin', 'large.bin'],
    ]);

    const json = Buffer.concat(
      await Array.fromAsync(exportManifest(ports, { ref: ref('v0'), format: 'wandb-json' })),
    );
    expect(Object.keys((JSON.parse(json.toString()) as { contents: object }).contents)).toHaveLength(6);
    const lines = Buffer.concat(
      await Array.fromAsync(exportManifest(ports, { ref: ref('v0'), format: 'ndjson' })),
    );
    expect(lines.toString().trim().split('\n')).toHaveLength(6);
    const parquet = Buffer.concat(
      await Array.fromAsync(exportManifest(ports, { ref: ref('v0'), format: 'parquet' })),
    );
    expect(parquet.subarray(0, 4).toString()).toBe('PAR1');
    expect((await showVersion(ports, { ref: ref('v0'), noticesLimit: 5 })).ingest?.sources).toHaveLength(1);
  });

  test('a reference is verified, copied and read where it is', async () => {
    const source = await write('a source%', { 'x.txt': 'referenced', 'big.bin': LARGE });
    await put(pathToFileURL(source).href);
    const out = join(folder, 'out');
    expect(await getVersion(ports, { ref: ref(), root: out, only: [] })).toMatchObject({ written: 2 });
    expect(await treeBelow(out)).toEqual(await treeBelow(source));
    expect(await Array.fromAsync(verifyVersion(ports, { ref: ref(), root: source }))).toEqual([]);
    const { chunks } = await catEntry(ports, { ref: ref(), path: 'big.bin' });
    expect(Buffer.concat(await Array.fromAsync(chunks)).equals(LARGE)).toBe(true);
    await writeFile(join(source, 'x.txt'), 'REFERENCED');
    await rm(join(source, 'big.bin'));
    const error = await errorOf(() => getVersion(ports, { ref: ref(), root: join(folder, 'two'), only: [] }));
    expect(error.code).toBe('SOURCE_CHANGED');
    expect(error.details['codes']).toEqual({ SOURCE_CHANGED: 1, SOURCE_NOT_FOUND: 1 });
    expect(await treeBelow(join(folder, 'two'))).toEqual({});
    expect(await Array.fromAsync(verifyVersion(ports, { ref: ref(), root: source }))).toEqual([
      { kind: 'missing', path: 'big.bin' },
      { kind: 'changed', path: 'x.txt' },
    ]);
  });

  test('gc, check, repair and rebuild-index', async () => {
    const source = await write('source', { ...FILES, 'only-first': randomBytes(100_000) });
    await put(source);
    await rm(join(source, 'only-first'));
    await rm(join(source, 'large.bin'));
    await put(source);
    await deleteVersion(ports, { ref: ref('v0'), deleteAliases: true });
    const [forecast] = await collectGarbage(ports, { dryRun: true, graceMs: 0 });
    const [report] = await collectGarbage(ports, { dryRun: false, graceMs: 0 });
    expect(forecast).toEqual(report);
    expect(report).toMatchObject({
      versionsKept: 1,
      blobsCondemned: 2,
      packsRewritten: 1,
      manifestsRemoved: 1,
      objectsInGrace: 0,
    });
    expect(await objectsIn('packs')).toHaveLength(1);
    expect(await objectsIn('blobs')).toEqual([]);
    expect(await objectsIn('staging')).toEqual([]);
    expect((await check()).findings).toEqual([]);

    await ports.catalog.resetIndex('team');
    const missing = await errorOf(() =>
      getVersion(ports, { ref: ref(), root: join(folder, 'out'), only: [] }),
    );
    expect(missing.code).toBe('MISSING_BLOB');
    expect(await collectGarbage(ports, { dryRun: true, graceMs: 0 })).toMatchObject([
      { orphansAdopted: 1, orphansLeft: 0, blobsCondemned: 0, objectsRemoved: 0 },
    ]);
    expect(await rebuildIndex(ports, { rehash: true })).toMatchObject({
      packs: 1,
      blobs: 4,
      skippedCount: 0,
    });
    await getVersion(ports, { ref: ref(), root: join(folder, 'out'), only: [] });
    expect(await treeBelow(join(folder, 'out'))).toEqual(await treeBelow(source));

    const [pack = ''] = await objectsIn('packs');
    const path = join(folder, 'home/store', pack);
    await chmod(path, 0o600);
    const bytes = await readFile(path);
    const at = bytes.indexOf('odd name');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const damaged = await errorOf(() =>
      getVersion(ports, { ref: ref(), root: join(folder, 'three'), only: [] }),
    );
    expect(damaged).toMatchObject({
      code: 'CORRUPT',
      details: { problems: [{ path: 'new\nline/é\u{1f600}', code: 'CORRUPT' }] },
    });
    const { findings, result } = await check();
    expect(findings.map(({ kind }) => kind)).toEqual(['damaged-blob', 'damaged-entry']);
    expect(result).toMatchObject({ ok: false, repaired: 1 });
    await write('source', { changed: 'so that there is something to put' });
    await put(source);
    expect((await check()).findings).toEqual([]);
    await getVersion(ports, { ref: ref(), root: join(folder, 'three'), only: [] });
    expect(await treeBelow(join(folder, 'three'))).toEqual(await treeBelow(source));
  });

  test('a damaged manifest is named, with a way out that leads out', async () => {
    const source = await write('source', { 'a.txt': 'content', b: 'more' });
    await put(source);
    const [manifest = ''] = await objectsIn('manifests');
    const path = join(folder, 'home/store', manifest);
    const bytes = await readFile(path);
    await chmod(path, 0o600);
    await writeFile(path, bytes.fill(0, bytes.length - 40));
    const error = await errorOf(() => collectGarbage(ports, { dryRun: false, graceMs: 0 }));
    expect(error.code).toBe('CORRUPT');
    expect(error.message).toContain(`manifest ${manifest} of team/project/data:v0 `);
    expect(error.message).not.toMatch(/manifest manifest|store check/);
    expect(error.message).toContain('put the version again with `put --force` and delete this one');
    const { findings } = await check();
    expect(findings).toMatchObject([{ kind: 'damaged-manifest', version: 'team/project/data:v0' }]);
    expect(JSON.stringify(findings)).not.toContain('store check');

    expect(await put(source, 'never')).toBe(1);
    await deleteVersion(ports, { ref: ref('v0'), deleteAliases: true });
    const [report] = await collectGarbage(ports, { dryRun: false, graceMs: 0 });
    expect(report).toMatchObject({ versionsKept: 1, manifestsRemoved: 1, blobsCondemned: 0 });
    expect((await check()).result).toMatchObject({ ok: true, versions: 1 });
    await getVersion(ports, { ref: ref(), root: join(folder, 'out'), only: [] });
    expect(await treeBelow(join(folder, 'out'))).toEqual(await treeBelow(source));
  });

  test('is cancelled in the middle and goes on', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, index) => [`d${index % 30}/f${index}`, `${index}`]),
    );
    await put(await write('source', files));
    const out = join(folder, 'out');
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    const error = await errorOf(() => getVersion(ports, { ref: ref(), root: out, only: [] }, options));
    expect(error).toBeInstanceOf(ArtifactError);
    expect(error.code).toBe('CANCELLED');
    const result = await getVersion(ports, { ref: ref(), root: out, only: [] });
    expect(result.written + result.skipped).toBe(3_000);
    expect(await Array.fromAsync(verifyVersion(ports, { ref: ref(), root: out }))).toEqual([]);
  });
});
