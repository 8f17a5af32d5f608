import type { PageHeader } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { readTexts } from './byte-texts.ts';
import { formatProblem } from './corrupt.ts';
import { zstdDecompress } from './zstd.ts';

/** u32 before every text of a page. */
const LENGTH_BYTES = 4;

/** Rows of a row group to be read. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

interface Page {
  readonly rowCount: number;
  readonly nullCount: number;
  readonly levels: Buffer;
  readonly values: Buffer;
}

/**
 * Decodes a column chunk as `ManifestWriter` writes them: data pages of version 2, PLAIN. hyparquet parses the
 * Thrift headers and the levels; the values are decoded here, many texts at a time, which is several times as fast.
 *
 * Answers the values of the pages that overlap the range, and which row the first of them is.
 */
export function readTextColumn(
  chunk: Buffer,
  range: RowRange,
): { start: number; texts: (string | undefined)[] } {
  let texts: (string | undefined)[] = [];
  const start = eachPage(chunk, range, (page) => {
    const values = readPlainTexts(page.values, page.rowCount - page.nullCount);
    const spread = page.nullCount === 0 ? values : spreadNulls(page, values);
    texts = texts.length === 0 ? spread : texts.concat(spread);
  });
  return { start, texts };
}

/** As {@link readTextColumn}, for integers up to 2^53. */
export function readSizeColumn(
  chunk: Buffer,
  range: RowRange,
): { start: number; sizes: (number | undefined)[] } {
  let sizes: (number | undefined)[] = [];
  const start = eachPage(chunk, range, (page) => {
    const values = readPlainIntegers(page.values, page.rowCount - page.nullCount);
    sizes = sizes.concat(page.nullCount === 0 ? values : spreadNulls(page, values));
  });
  return { start, sizes };
}

function eachPage(chunk: Buffer, range: RowRange, use: (page: Page) => void): number {
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), offset: 0 };
  let row = 0;
  let start: number | undefined;
  while (reader.offset < chunk.length && row < range.to) {
    const header = parquetHeader(reader);
    const from = reader.offset;
    reader.offset += header.compressed_page_size;
    const rowCount = header.data_page_header_v2?.num_rows ?? 0;
    if (row + rowCount > range.from) {
      start ??= row;
      use(openPage(header, chunk.subarray(from, reader.offset)));
    }
    row += rowCount;
  }
  if (row < range.to) throw formatProblem('has fewer rows than it says');
  return start ?? 0;
}

function openPage(header: PageHeader, bytes: Buffer): Page {
  const v2 = header.data_page_header_v2;
  if (v2 === undefined || v2.encoding !== 'PLAIN') throw formatProblem('has a page of another encoding');
  const levelBytes = v2.definition_levels_byte_length;
  return {
    rowCount: v2.num_rows,
    nullCount: v2.num_nulls,
    levels: bytes.subarray(0, levelBytes),
    values: zstdDecompress(bytes.subarray(levelBytes), header.uncompressed_page_size - levelBytes),
  };
}

function readPlainTexts(bytes: Buffer, count: number): string[] {
  const lengths = new Uint32Array(count);
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + LENGTH_BYTES > bytes.length) throw formatProblem('has a page that ends before its texts do');
    const length = bytes.readUInt32LE(at);
    lengths[index] = length;
    at += LENGTH_BYTES + length;
  }
  if (at !== bytes.length) throw formatProblem('has a page of another length than its texts');
  return readTexts({ bytes, start: LENGTH_BYTES, lengths, count, gap: LENGTH_BYTES });
}

function readPlainIntegers(bytes: Buffer, count: number): number[] {
  if (bytes.length !== count * 8) throw formatProblem('has a page of another length than its integers');
  const values = new Array<number>(count);
  for (let index = 0; index < count; index++) {
    values[index] = bytes.readUInt32LE(index * 8) + bytes.readUInt32LE(index * 8 + 4) * 2 ** 32;
  }
  return values;
}

/** Puts values where the definition levels say that there is one. */
function spreadNulls<T>(page: Page, values: readonly T[]): (T | undefined)[] {
  const spread = new Array<T | undefined>(page.rowCount).fill(undefined);
  if (values.length === 0) return spread;
  const { levels } = page;
  const defined = new Array<number>(page.rowCount);
  const reader = { view: new DataView(levels.buffer, levels.byteOffset, levels.byteLength), offset: 0 };
  readRleBitPackedHybrid(reader, 1, defined, levels.length);
  let next = 0;
  for (let row = 0; row < page.rowCount; row++) if (defined[row] === 1) spread[row] = values[next++];
  if (next !== values.length) throw formatProblem('has other values than its levels say');
  return spread;
}
