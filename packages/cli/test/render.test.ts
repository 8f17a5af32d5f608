import { execFileSync } from 'node:child_process';
import type { Entry, NoticeRecord } from '@waybill/core';
import type { CheckResult, CollectReport, DiffResult, VerifyResult } from '@waybill/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differenceText, totalsText } from '../src/commands/diff.ts';
import { collectText } from '../src/commands/gc.ts';
import { defaultRoot, getText } from '../src/commands/get.ts';
import { artifactsText, entriesText, shellWord } from '../src/commands/ls.ts';
import { interruptedText } from '../src/commands/resume.ts';
import { showText } from '../src/commands/show.ts';
import { checkText, findingText, rebuildText } from '../src/commands/store.ts';
import { verifyText } from '../src/commands/verify.ts';
import { versionsText } from '../src/commands/versions.ts';
import { leftOutPages } from '../src/left-out.ts';
import { outcomeText } from '../src/run-ingest.ts';
import { createPaint } from '../src/text.ts';
import { ARTIFACT, INGEST, notice, VERSION } from './sample-records.ts';

const paint = createPaint(false);

function entry(path: string, change: Partial<Entry> = {}): Entry {
  return { path, digest: '1B2M2Y8AsgTpgAmY7PhCfg==', sizeBytes: 1_536, ...change };
}

describe('put', () => {
  const outcome = { version: VERSION, created: true, ingest: INGEST, seconds: 1.5, leftOut: 0 };

  test('a new version', () => {
    expect(outcomeText(outcome, [], paint)).toBe(
      [
        'committed local/default/demo:v1: 3 entries, 2.0 KiB',
        '  digest   d41d8cd98f00b204e9800998ecf8427e (MD5)',
        '  aliases  best, latest',
        '  hashed   2 files, 1.0 KiB',
        '  stored   1 blob, 512 B',
        '  time     1.5 s, 2 files/s',
        '',
      ].join('\n'),
    );
  });

  test('an old one', () => {
    expect(outcomeText({ ...outcome, created: false }, [], paint)).toMatch(
      /^unchanged local\/default\/demo:v1 has this content already; no version was made\n/,
    );
  });

  test('what was left out is listed, escaped, and counted when it is more', () => {
    const text = outcomeText({ ...outcome, leftOut: 3 }, [notice(1), notice(2)], paint);
    expect(text).toContain(
      [
        'left out 3 paths:',
        '  "links/broken-1\\u001b" (broken-link)',
        '  "links/broken-2\\u001b" (broken-link)',
        '  and 1 more; --json lists all of them',
        '',
      ].join('\n'),
    );
  });
});

test.for([0, 1, 999, 1_000, 2_500])('%d left out paths are read page by page', async (count) => {
  const all = Array.from({ length: count }, (_, index) => notice(index + 1));
  const catalog = {
    listNotices: async ({ after = 0, limit }: { after?: number | undefined; limit: number }) =>
      all.filter(({ noticeId }) => noticeId > after).slice(0, limit),
  };
  const read: NoticeRecord[] = [];
  const { signal } = new AbortController();
  for await (const page of leftOutPages(catalog, 'i', { signal })) read.push(...page);
  expect(read).toEqual(all);
});

describe('get', () => {
  test('the default folder is that of the W&B client', () => {
    expect(defaultRoot(VERSION, 'linux')).toBe('artifacts/demo:v1');
    expect(defaultRoot(VERSION, 'win32')).toMatch(/demo-v1$/);
  });

  test('what was done', () => {
    const result = { version: VERSION, root: '/data/x', entries: 3, bytes: 2_048, written: 1, skipped: 2 };
    expect(getText(result, paint)).toBe(
      'local/default/demo:v1 is in /data/x\n  3 files, 2.0 KiB: 1 written, 2 were there already\n',
    );
  });
});

describe('ls', () => {
  test('artifacts', () => {
    const items = [ARTIFACT, { ...ARTIFACT, name: 'none yet', type: 'a model', latestIndex: undefined }];
    expect(artifactsText({ items, next: 9 }, { project: undefined, after: undefined, paint })).toBe(
      [
        'TYPE     LATEST  VERSIONS  CHANGED               NAME',
        'dataset  v1             2  2026-11-23 09:20:11Z  local/default/demo',
        'a model  -              2  2026-11-23 09:20:11Z  local/default/none yet',
        'there is more: go on with --after 9',
        '',
      ].join('\n'),
    );
    const none = { items: [], next: undefined };
    const first = { project: undefined, after: undefined, paint };
    expect(artifactsText(none, first)).toMatch(/^no artifacts yet; "waybill put/);
    expect(artifactsText(none, { ...first, project: 'p' })).toBe('project p has no artifacts\n');
    expect(artifactsText(none, { ...first, project: 'p', after: 7 })).toBe('no artifacts behind 7\n');
  });

  test('entries', () => {
    const items = [
      { kind: 'folder', path: 'images/' },
      { kind: 'file', path: 'a\tb', entry: entry('a\tb') },
      { kind: 'file', path: 'far', entry: entry('far', { sizeBytes: undefined, ref: 's3://bucket/far' }) },
    ] as const;
    expect(entriesText({ version: VERSION, items, next: "it's" }, { after: undefined, paint })).toBe(
      [
        '         images/',
        '1.5 KiB  "a\\tb"',
        '      ?  far -> s3://bucket/far',
        "there is more: go on with --after 'it'\\''s'",
        '',
      ].join('\n'),
    );
    expect(entriesText({ version: VERSION, items: [], next: undefined }, { after: undefined, paint })).toBe(
      'local/default/demo:v1 has no entries here\n',
    );
    expect(entriesText({ version: VERSION, items: [], next: undefined }, { after: 'z', paint })).toBe(
      'local/default/demo:v1 has no entries behind z here\n',
    );
  });

  test('the word for the next page is what a shell reads back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }), (text) => {
        fc.pre(!text.includes('\0'));
        const read = execFileSync('bash', ['--norc', '-c', `printf %s ${shellWord(text)}`], {
          env: { LC_ALL: 'C.UTF-8' },
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        expect(read).toBe(text);
      }),
      { numRuns: 60 },
    );
  });
});

test('versions', () => {
  const items = [VERSION, { ...VERSION, index: 0, state: 'DELETED', aliases: [] } as const];
  expect(versionsText({ items, next: undefined }, paint)).toBe(
    [
      'VERSION  ENTRIES     SIZE  CREATED               ALIASES',
      'v1             3  2.0 KiB  2026-11-23 09:20:11Z  best, latest',
      'v0             3  2.0 KiB  2026-11-23 09:20:11Z  (deleted)',
      '',
    ].join('\n'),
  );
});

test('show', () => {
  const version = {
    ...VERSION,
    description: 'two\nlines\u001b\n',
    metadata: { a: 1 },
    leftOutCount: 1,
  };
  const leftOut = { items: [notice(1)], next: undefined };
  const shown = { version, artifact: ARTIFACT, id: 'QXJ0aWZhY3Q6Nw==', ingest: INGEST, leftOut };
  expect(showText(shown, paint)).toBe(
    [
      'local/default/demo:v1',
      '  type         dataset',
      '  id           QXJ0aWZhY3Q6Nw==',
      '  aliases      best, latest',
      '  content      3 entries, 2.0 KiB',
      '  digest       d41d8cd98f00b204e9800998ecf8427e (MD5)',
      '  created      2026-11-23 09:20:11Z',
      '  sources      ./photos (directory)',
      '               "file:///data/a\\nb" (file, as references into x/y)',
      '  metadata     {',
      '                 "a": 1',
      '               }',
      '  description  two',
      '               lines\\u001b',
      'left out 1 path:',
      '  "links/broken-1\\u001b" (broken-link)',
      '',
    ].join('\n'),
  );
});

describe('diff', () => {
  test('one line for each kind', () => {
    const digest = 'x';
    const lines = [
      { kind: 'added', path: 'a', digest, sizeBytes: 1 },
      { kind: 'removed', path: 'b', digest, sizeBytes: undefined },
      { kind: 'changed', path: 'c', digest, fromDigest: 'y', sizeBytes: 2_048, fromSizeBytes: 1 },
      { kind: 'moved', path: 'd', fromPath: 'e\n', digest, sizeBytes: 0 },
    ] as const;
    expect(lines.map((line) => differenceText(line, paint))).toEqual([
      '+ a  1 B\n',
      '- b  size unknown\n',
      '~ c  1 B -> 2.0 KiB\n',
      '> "e\\n" -> d  0 B\n',
    ]);
  });

  test('totals', () => {
    const none = { count: 0, bytes: 0 };
    const result: DiffResult = {
      from: { ...VERSION, index: 0 },
      to: VERSION,
      added: { count: 1_200, bytes: 2_048 },
      removed: none,
      changed: { count: 1, bytes: 5 },
      moved: none,
    };
    const names = 'local/default/demo:v0 -> local/default/demo:v1';
    expect(totalsText(result, paint)).toBe(`${names}: 1,200 added (2.0 KiB), 1 changed (5 B)\n`);
    expect(totalsText({ ...result, added: none, changed: none }, paint)).toBe(`${names}: no difference\n`);
  });
});

test('verify', () => {
  const same: VerifyResult = {
    version: VERSION,
    root: '/data/x',
    ok: true,
    entries: 3,
    missing: 0,
    extra: 0,
    changed: 0,
    referencesChecked: 0,
    referencesUnchecked: 0,
  };
  expect(verifyText(same, paint)).toBe('ok  /data/x is exactly local/default/demo:v1: 3 files\n');
  expect(
    verifyText({ ...same, ok: false, missing: 1, extra: 2, changed: 3, referencesUnchecked: 1 }, paint),
  ).toBe(
    'differs  /data/x differs from local/default/demo:v1: 1 missing, 2 extra, 3 changed of 3 files\n' +
      '1 reference to other places not checked\n',
  );
});

test('gc', () => {
  const report: CollectReport = {
    entity: 'local',
    versionsKept: 2,
    blobsCondemned: 3,
    bytesCondemned: 2_048,
    objectsAbandoned: 0,
    packsRewritten: 1,
    packsDamaged: [],
    objectsRemoved: 1,
    bytesRemoved: 1_024,
    objectsInGrace: 0,
    bytesInGrace: 0,
    manifestsRemoved: 1,
    stagingRemoved: 1,
    orphansAdopted: 1,
    orphansRemoved: 0,
    orphansLeft: 2,
    openIngests: 1,
    advice: 'finish it',
  };
  const done = collectText([report], { dryRun: false, paint });
  expect(done).toMatch(/^local\n {2}kept {2,}2 versions\n {2}condemned {2,}3 blobs \(2\.0 KiB\)\n/);
  expect(done).toMatch(/\n {2}reclaimed {2,}1\.0 KiB in 1 object\n/);
  expect(done).toMatch(
    /\n {2}leftovers {8}2\n {2}unknown objects {2}1 taken in, 2 left alone\n {2}open ingests {2,}1\nfinish it\n$/,
  );
  expect(done).not.toContain('in grace');
  const dry = collectText([report], { dryRun: true, paint });
  expect(dry).toMatch(/would condemn/);
  expect(dry).toMatch(/would reclaim/);
  expect(collectText([], { dryRun: false, paint })).toBe('nothing is stored yet\n');
});

test('resume', () => {
  const failed = {
    ...INGEST,
    state: 'FAILED',
    error: { code: 'NO_SPACE', message: 'no space left', details: {} },
  } as const;
  expect(interruptedText({ ingest: failed, live: false })).toBe(
    [
      'ingest-1  local/default/demo  failed',
      '  from ./photos "file:///data/a\\nb", begun 2026-11-23 09:20:11Z, 3 files done',
      '  no space left',
      '',
    ].join('\n'),
  );
  expect(interruptedText({ ingest: INGEST, live: true })).toMatch(/^ingest-1 .* running now\n/);
});

describe('store', () => {
  const whole: CheckResult = {
    ok: true,
    objects: 2,
    blobs: 3,
    bytes: 2_048,
    versions: 1,
    entries: 3,
    damagedBlobs: 0,
    damagedObjects: 0,
    damagedManifests: 0,
    damagedEntries: 0,
    leftovers: 0,
    repaired: 0,
  };

  test('check', () => {
    expect(checkText(whole, paint)).toBe(
      'ok  read 2 objects with 3 blobs (2.0 KiB); 1 version with 3 entries\n',
    );
    const damaged = { ...whole, ok: false, damagedBlobs: 1, damagedEntries: 1, leftovers: 1, repaired: 1 };
    expect(checkText(damaged, paint)).toBe(
      [
        'damaged  read 2 objects with 3 blobs (2.0 KiB); 1 version with 3 entries',
        'damaged: 1 blob, 0 objects, 0 manifests; 1 entry of versions cannot be read',
        'repaired: 1 (damaged blobs forgotten, packs without an end written anew)',
        'next: put the sources of the entries above again, which stores them anew for all versions',
        '1 leftover, for "waybill gc" to remove',
        '',
      ].join('\n'),
    );
  });

  test('check says what to do next', () => {
    const adviceFor = (change: Partial<CheckResult>) =>
      checkText({ ...whole, ok: false, ...change }, paint)
        .split('\n')
        .slice(2)
        .join('\n');
    expect(adviceFor({ damagedBlobs: 1, damagedEntries: 1 })).toBe(
      'next: run "waybill store check --repair", then\n' +
        '      put the sources of the entries above again, which stores them anew for all versions\n',
    );
    expect(adviceFor({ damagedObjects: 1 })).toBe('next: run "waybill store check --repair"\n');
    expect(adviceFor({ damagedEntries: 1 })).toMatch(/^next: put the sources of the entries above again/);
    expect(adviceFor({ damagedManifests: 1 })).toMatch(/^next: put .* --force, then delete that version\n$/);
  });

  test('findings', () => {
    const key = 'local/packs/abc';
    expect(
      [
        { kind: 'damaged-object', key, message: 'too short' } as const,
        { kind: 'damaged-blob', key, digest: 'd', algorithm: 'MD5' } as const,
        { kind: 'damaged-manifest', key, version: 'a/b/c:v0', message: 'crc' } as const,
        { kind: 'damaged-entry', version: 'a/b/c:v0', path: 'x\ny', digest: 'd', reason: 'missing' } as const,
        { kind: 'leftover', key, sizeBytes: 10 } as const,
      ].map((finding) => findingText(finding, paint)),
    ).toEqual([
      'damaged-object  local/packs/abc: too short\n',
      'damaged-blob  local/packs/abc: MD5 d\n',
      'damaged-manifest  a/b/c:v0 (local/packs/abc): crc\n',
      'damaged-entry  a/b/c:v0: "x\\ny" is missing\n',
      'leftover  local/packs/abc, 10 B\n',
    ]);
  });

  test('rebuild-index', () => {
    const skipped = [{ key: 'local/packs/x', code: 'CORRUPT', message: 'no footer' } as const];
    expect(rebuildText({ packs: 1, blobObjects: 2, blobs: 300, skipped, skippedCount: 3 }, paint)).toBe(
      [
        'index rebuilt: 300 blobs in 1 pack and 2 single objects',
        'passed over  local/packs/x: no footer',
        'and 2 more',
        '',
      ].join('\n'),
    );
  });
});
