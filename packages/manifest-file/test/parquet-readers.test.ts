import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32, zstdDecompressSync } from 'node:zlib';
import type { Entry } from '@waybill/core';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createManifestFiles } from '../src/index.ts';
import { collect, file, inBlocks, MemoryObject, manyFiles } from './fixtures.ts';

const execute = promisify(execFile);

/** A Python that may have pyarrow; the machine's own unless told otherwise. */
const python = process.env['WAYBILL_TEST_PYTHON'] ?? 'python3';

const hasPyarrow = await execute(python, ['-c', 'import pyarrow.parquet']).then(
  () => true,
  () => false,
);

const golden = join(import.meta.dirname, 'golden/manifest-v1.parquet');

const goldenEntries: Entry[] = [
  { path: 'a.txt', digest: 'XUFAKrxLKna5cZ2REBfFkg==', sizeBytes: 5 },
  { path: 'b/empty', digest: '1B2M2Y8AsgTpgAmY7PhCfg==', sizeBytes: 0 },
  {
    path: 'dir/line\nbreak',
    digest: '"1"',
    sizeBytes: undefined,
    ref: 's3://bucket/key',
    extra: { etag: '"1"' },
  },
  {
    path: '\ufffd',
    digest: 'aGTzidmHZDa8h3j/Bx0bbA==',
    sizeBytes: 9_007_199_254_740_991,
    birthArtifactId: 'QXJ0aWZhY3Q6MQ==',
    sha256: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  },
  { path: '\u{1f600}/z', digest: 'E7c+2uhEOZC+GqjxpIO8Jw==', sizeBytes: 1 },
];

/** Rows as any reader of Parquet sees them. */
function tableRows(entries: readonly Entry[]): Record<string, unknown>[] {
  return entries.map((entry) => ({
    path: entry.path,
    digest: entry.digest,
    size: entry.sizeBytes ?? null,
    ref: entry.ref ?? null,
    extra: entry.extra === undefined ? null : JSON.stringify(entry.extra),
    birth_artifact_id: entry.birthArtifactId ?? null,
    sha256: entry.sha256 ?? null,
  }));
}

async function encode(entries: readonly Entry[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of createManifestFiles().encodeManifest(inBlocks(entries)).chunks)
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

const many = [...goldenEntries.slice(0, 1), ...manyFiles(40_000), ...goldenEntries.slice(3)];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-manifest-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('hyparquet by itself', () => {
  test.each([
    ['the golden file', async () => readFile(golden), goldenEntries],
    ['a file of several row groups', async () => encode(many), many],
    ['no entries', async () => encode([]), []],
  ])('reads %s', async (_name, load, entries) => {
    const bytes = new Uint8Array(await load()).buffer;
    const rows = await parquetReadObjects({
      file: bytes,
      compressors: { ZSTD: (input) => zstdDecompressSync(input) },
    });
    const plain = rows.map((row) => ({
      ...row,
      size: typeof row['size'] === 'bigint' ? Number(row['size']) : null,
    }));
    expect(
      plain.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value ?? null]))),
    ).toEqual(tableRows(entries));
  });

  test('finds whole bounds, page indexes, the sort order and the version', async () => {
    const metadata = parquetMetadata(new Uint8Array(await encode(many)));
    expect(metadata.row_groups.length).toBe(5);
    expect(metadata.key_value_metadata).toEqual([{ key: 'waybill.manifest.version', value: '1' }]);
    let start = 0;
    for (const group of metadata.row_groups) {
      const [path] = group.columns;
      const rows = many.slice(start, start + Number(group.num_rows));
      start += rows.length;
      expect(group.sorting_columns).toEqual([{ column_idx: 0, descending: false, nulls_first: false }]);
      expect(path?.meta_data?.statistics).toMatchObject({
        min_value: rows[0]?.path,
        max_value: rows.at(-1)?.path,
        null_count: 0n,
      });
      expect(path?.column_index_length).toBeGreaterThan(0);
      expect(path?.offset_index_length).toBeGreaterThan(0);
    }
  });
});

test('the golden file is read as a manifest', async () => {
  const bytes = await readFile(golden);
  const footerBytes = bytes.readUInt32LE(bytes.length - 8) + 8;
  const footerCrc32 = crc32(bytes.subarray(bytes.length - footerBytes));
  const ref = { key: 'golden', sizeBytes: bytes.length, footerBytes, footerCrc32 };
  const reader = await createManifestFiles().openManifest(new MemoryObject('golden', bytes), ref);
  expect(await collect(reader.scan())).toEqual(goldenEntries);
});

const SCRIPT = `
import json, sys
import pyarrow.parquet as pq
import pyarrow.compute as pc
file = pq.ParquetFile(sys.argv[1])
table = file.read()
paths = table.column('path').to_pylist()
encoded = [path.encode() for path in paths]
one = pq.read_table(sys.argv[1], filters=[('path', '=', sys.argv[2])])
groups = [file.metadata.row_group(i).column(0).statistics for i in range(file.metadata.num_row_groups)]
print(json.dumps({
    'types': {field.name: str(field.type) for field in file.schema_arrow},
    'rows': table.to_pylist() if len(paths) < 10 else None,
    'count': len(paths),
    'sorted': encoded == sorted(encoded) and len(set(encoded)) == len(encoded),
    'sizes': pc.sum(table.column('size')).as_py(),
    'one': one.to_pylist(),
    'version': file.metadata.metadata.get(b'waybill.manifest.version', b'').decode(),
    'bounds': [[s.min, s.max] for s in groups],
    'sorting': [[c.column_index, c.descending] for i in range(file.metadata.num_row_groups)
                for c in file.metadata.row_group(i).sorting_columns],
}))
`;

describe.skipIf(!hasPyarrow)(`pyarrow (${python} cannot import it)`, () => {
  async function report(entries: readonly Entry[], path: string): Promise<Record<string, unknown>> {
    const name = join(folder, `${entries.length}.parquet`);
    await writeFile(name, await encode(entries));
    const { stdout } = await execute(python, ['-c', SCRIPT, name, path]);
    const parsed: unknown = JSON.parse(stdout);
    return { ...(typeof parsed === 'object' ? parsed : {}) };
  }

  test('reads values, types, order and bounds', async () => {
    const wanted = goldenEntries[2];
    expect(await report(goldenEntries, wanted?.path ?? '')).toEqual({
      types: {
        path: 'string',
        digest: 'string',
        size: 'int64',
        ref: 'string',
        extra: 'string',
        birth_artifact_id: 'string',
        sha256: 'string',
      },
      rows: tableRows(goldenEntries),
      count: goldenEntries.length,
      sorted: true,
      sizes: goldenEntries.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
      one: tableRows(goldenEntries.slice(2, 3)),
      version: '1',
      bounds: [['a.txt', '\u{1f600}/z']],
      sorting: [[0, false]],
    });
  });

  test('finds one row among several row groups by their bounds', async () => {
    const wanted = many[30_000] ?? file('');
    const seen = await report(many, wanted.path);
    expect(seen).toMatchObject({ count: many.length, sorted: true, one: tableRows([wanted]) });
    expect(seen['bounds']).toHaveLength(5);
  });

  test('reads a manifest without entries', async () => {
    expect(await report([], 'a')).toMatchObject({ count: 0, rows: [], one: [] });
  });
});
