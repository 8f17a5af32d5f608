import type { DigestAlgorithm, Entry } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createManifestTexts } from '../src/index.ts';
import { collect, entriesAt, failureOf, file, inBlocks, manyFiles, sortedPaths } from './fixtures.ts';

const texts = createManifestTexts();
const versionId = 'QXJ0aWZhY3Q6Nw==';

async function join(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

async function encode(entries: readonly Entry[], digestAlgorithm: DigestAlgorithm = 'MD5'): Promise<string> {
  return join(texts.encodeWandbJson(inBlocks(entries, 100), { versionId, digestAlgorithm }));
}

async function* pieces(text: string | Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function decode(text: string | Uint8Array, size?: number): Promise<Entry[]> {
  return collect(texts.decodeWandbJson(pieces(text, size)));
}

const HEAD =
  '"version":1,"storagePolicy":"wandb-storage-policy-v1","storagePolicyConfig":{"storageLayout":"V2"}';

describe('W&B JSON out', () => {
  test('is what W&B writes, member for member', async () => {
    const entries: Entry[] = [
      file('a.txt', 5),
      { ...file('b', 0), birthArtifactId: 'QXJ0aWZhY3Q6MQ==', extra: {} },
      { path: 'c"\n\u{1f600}', digest: '"1"', sizeBytes: undefined, ref: 's3://b/k', extra: { etag: '"1"' } },
    ];
    expect(await encode(entries)).toBe(
      `{${HEAD},"contents":{` +
        `"a.txt":{"digest":"BQUFBQUFBQUFBQUFBQUFBQ==","birthArtifactID":"${versionId}","size":5},` +
        '"b":{"digest":"AAAAAAAAAAAAAAAAAAAAAA==","birthArtifactID":"QXJ0aWZhY3Q6MQ==","size":0},' +
        '"c\\"\\n\u{1f600}":{"digest":"\\"1\\"","ref":"s3://b/k","extra":{"etag":"\\"1\\""}}}}',
    );
  });

  test('says XXH128 of files and not of references', async () => {
    const parsed: unknown = JSON.parse(await encode([file('a'), { ...file('b'), ref: 'x' }], 'XXH128'));
    expect(parsed).toMatchObject({ contents: { a: { extra: { alg: 'XXH128' } } } });
    expect(parsed).not.toHaveProperty('contents.b.extra');
  });

  test('of nothing is a manifest too', async () => {
    expect(await encode([])).toBe(`{${HEAD},"contents":{}}`);
    expect(await decode(await encode([]))).toEqual([]);
  });
});

describe('W&B JSON in', () => {
  test('gives back what was written, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        sortedPaths({ maxLength: 20 }).chain((names) => fc.tuple(...names.map(entriesAt))),
        fc.integer({ min: 1, max: 300 }),
        async (entries, size) => {
          const expected = entries.map(({ sha256: _, ref, extra, birthArtifactId, ...entry }) => ({
            ...entry,
            ...(ref === undefined || ref === '' ? {} : { ref }),
            ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
            ...(ref === undefined && birthArtifactId === undefined ? { birthArtifactId: versionId } : {}),
            ...(birthArtifactId === undefined || birthArtifactId === '' ? {} : { birthArtifactId }),
          }));
          expect(await decode(await encode(entries), size)).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('in bounded blocks', async () => {
    const entries = manyFiles(25_000);
    let seen = 0;
    for await (const block of texts.decodeWandbJson(pieces(await encode(entries)))) {
      expect(block.length).toBeLessThanOrEqual(1_000);
      expect(block[0]?.path).toBe(entries[seen]?.path);
      seen += block.length;
    }
    expect(seen).toBe(entries.length);
  });

  test('reads what W&B clients write: indented, sorted, with members of their own', async () => {
    const indented = JSON.stringify(
      {
        contents: {
          b: { digest: 'x', size: 0, ref: 's3://b/k', extra: { versionID: 3 } },
          a: {
            birthArtifactID: '',
            digest: 'y',
            local_path: '/l',
            skip_cache: false,
            size: 5,
            extra: null,
            ref: null,
          },
          c: { digest: 'z' },
        },
        storagePolicy: 'wandb-storage-policy-v1',
        storagePolicyConfig: { storageRegion: 'coreweave-us' },
        version: 1,
        future: [1, { a: '}' }],
      },
      null,
      4,
    );
    expect(await decode(indented, 7)).toEqual([
      { path: 'b', digest: 'x', sizeBytes: 0, ref: 's3://b/k', extra: { versionID: 3 } },
      { path: 'a', digest: 'y', sizeBytes: 5 },
      { path: 'c', digest: 'z', sizeBytes: undefined },
    ]);
  });

  test.each([
    ['', 'has its end where "{" belongs'],
    ['[]', '"["'],
    [`{${HEAD}}`, 'has no "contents" field'],
    ['{"storagePolicy":"wandb-storage-policy-v1","contents":{}}', 'has no "version" field'],
    ['{"version":1,"contents":{}}', 'has no "storagePolicy" field'],
    [`{${HEAD},"contents":{}} x`, 'goes on behind its end'],
    [`{${HEAD},"contents":{},"contents":{}}`, 'has "contents" twice'],
    [`{${HEAD},"contents":{"a":{"digest":"x"}`, 'ends in'],
    [`{${HEAD},"contents":{"a":{"digest":"x"},}}`, 'has no key'],
    [`{${HEAD},"contents":{,"a":{"digest":"x"}}}`, 'has no key'],
    [`{${HEAD},"contents":{"a":{"digest":"x"}"b":{"digest":"x"}}}`, 'lacks a ","'],
    [`{${HEAD},"contents":{"a" {"digest":"x"}}}`, 'lacks a ":" behind "a"'],
    [`{${HEAD},"contents":{"a":{"digest":x}}}`, 'not JSON under "a"'],
    [`{${HEAD},"contents":{"a":[]}}`, '"a" that is not an object'],
    [`{${HEAD},"contents":{"a":{}}}`, '"a" that has no digest'],
    [`{${HEAD},"contents":{"a":{"digest":"x","size":-1}}}`, 'size that is not'],
    [`{${HEAD},"contents":{"a":{"digest":"x","size":"1"}}}`, 'size that is not'],
    [`{${HEAD},"contents":{"a":{"digest":"x","ref":1}}}`, '"ref" that is not a text'],
    [`{${HEAD},"contents":{"a":{"digest":"x","extra":[]}}}`, '"extra" that is not an object'],
    [`{${HEAD},"contents":{"../a":{"digest":"x"}}}`, '"../a" that climbs'],
    [`{${HEAD},"contents":{"/a":{"digest":"x"}}}`, '"/a" that is absolute'],
    [`{${HEAD},"contents":{"a\\ud800":{"digest":"x"}}}`, 'not valid Unicode'],
    [`{${HEAD},\n"storagePolicyConfig":1}`, '(line 2)'],
    ['{"storagePolicyConfig":[],', '"storagePolicyConfig" that is not an object'],
  ])('refuses %j', async (text, problem) => {
    for (const size of [1, 65_536]) {
      const error = await failureOf(decode(text, size));
      expect(error.code).toBe('CORRUPT');
      expect(error.message).toMatch(/^W&B manifest /);
      expect(error.message).toContain(problem);
    }
  });

  test.each([
    ['{"version":2,"contents":{}}', 'version 2'],
    [`{"contents":{},${HEAD.replace('"version":1', '"version":"1"')}}`, 'version "1"'],
    [
      '{"version":1,"storagePolicy":"wandb-s3-bucket-policy-v1"}',
      'storage policy "wandb-s3-bucket-policy-v1"',
    ],
    [`{${HEAD.replace('"V2"', '"V3"')},"contents":{}}`, 'storage layout "V3"'],
  ])('does not know %j', async (text, problem) => {
    const error = await failureOf(decode(text));
    expect(error.code).toBe('UNSUPPORTED');
    expect(error.message).toContain(problem);
  });

  test('reads a number that is cut in two', async () => {
    async function* cut() {
      yield Buffer.from(`{${' '.repeat(70_000)}"future":12`);
      yield Buffer.from(`3,${HEAD},"contents":{}}`);
    }
    expect(await collect(texts.decodeWandbJson(cut()))).toEqual([]);
  });

  test('refuses bytes that are not UTF-8, and a value without end', async () => {
    const bytes = Buffer.from(`{${HEAD},"contents":{"aX":{"digest":"x"}}}`);
    bytes[bytes.indexOf('X')] = 0xff;
    expect((await failureOf(decode(bytes))).message).toContain('is not UTF-8');
    const endless = `{${HEAD},"contents":{"a":{"digest":"${'x'.repeat(6_000_000)}`;
    expect((await failureOf(decode(endless))).message).toContain('too long');
  });

  test('ends its source when it is given up, and passes its errors on', async () => {
    let ended = false;
    async function* source() {
      try {
        yield* pieces(await encode(manyFiles(20_000)), 1_000);
      } finally {
        ended = true;
      }
    }
    for await (const block of texts.decodeWandbJson(source())) {
      expect(block.length).toBeGreaterThan(0);
      break;
    }
    expect(ended).toBe(true);
    async function* broken() {
      yield Buffer.from('{');
      throw new Error('the disk broke');
    }
    await expect(collect(texts.decodeWandbJson(broken()))).rejects.toThrow('the disk broke');
  });
});

test('ndjson has one object a line with the columns of the table', async () => {
  const entries: Entry[] = [
    file('a\nb', 5),
    { path: 'c', digest: '"1"', sizeBytes: undefined, ref: 's3://b/k', extra: { etag: '"1"' } },
    { ...file('d'), birthArtifactId: versionId, sha256: 'c2hh' },
  ];
  const lines = (await join(texts.encodeNdjson(inBlocks(entries, 2)))).split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    { path: 'a\nb', digest: 'BQUFBQUFBQUFBQUFBQUFBQ==', size: 5 },
    { path: 'c', digest: '"1"', ref: 's3://b/k', extra: { etag: '"1"' } },
    { path: 'd', digest: 'AAAAAAAAAAAAAAAAAAAAAA==', size: 0, birth_artifact_id: versionId, sha256: 'c2hh' },
  ]);
});
