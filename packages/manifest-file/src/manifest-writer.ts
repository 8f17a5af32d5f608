import { crc32 } from 'node:zlib';
import { compareBytes, type Entry, invariant, type ManifestRef } from '@waybill/core';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { GroupEncoder } from './manifest-group.ts';
import {
  COLUMN_NAMES,
  CRC_KEY,
  MANIFEST_METADATA,
  MANIFEST_SCHEMA,
  PAGE_BYTES,
  rowsOfGroup,
} from './manifest-schema.ts';
import { zstdCompress } from './zstd.ts';

/** Statistics hold whole paths: a reader decides by them which row group has a path. */
const WHOLE_VALUES = Number.POSITIVE_INFINITY;

/**
 * Writes the Parquet file of a manifest, row group by row group.
 *
 * Every chunk of a column carries the crc32 of its bytes in the footer. The zstd checksum covers the values of a
 * page, but neither its header nor its definition levels, which say what is null.
 */
export class ManifestWriter {
  readonly #sink = new ByteWriter(1 << 20);
  readonly #groups = new GroupEncoder();
  readonly #parquet: ParquetWriter;
  #pending: Entry[] = [];
  #lastPath: Uint8Array | undefined;
  readonly #rowsOfGroup: (index: number) => number;
  #footer: Omit<ManifestRef, 'key'> | undefined;

  /** @param sizes rows of the n-th row group; for tests */
  constructor(sizes: (index: number) => number = rowsOfGroup) {
    this.#rowsOfGroup = sizes;
    this.#parquet = new ParquetWriter({
      writer: this.#sink,
      schema: MANIFEST_SCHEMA,
      codec: 'ZSTD',
      compressors: { ZSTD: zstdCompress },
      statistics: false,
      statisticsTruncateLength: WHOLE_VALUES,
      kvMetadata: MANIFEST_METADATA,
      createdBy: 'waybill',
    });
  }

  /** Adds entries that ascend strictly by path; answers the bytes that are complete. */
  add(entries: readonly Entry[]): Uint8Array[] {
    const complete: Uint8Array[] = [];
    for (let from = 0; from < entries.length; ) {
      const groupRows = this.#rowsOfGroup(this.#parquet.row_groups.length);
      const to = Math.min(entries.length, from + groupRows - this.#pending.length);
      const room = from === 0 && to === entries.length ? entries : entries.slice(from, to);
      this.#pending.push(...room);
      from = to;
      if (this.#pending.length === groupRows) complete.push(this.#writeGroup());
    }
    return complete;
  }

  /** Ends the file; answers its last bytes. */
  end(): Uint8Array[] {
    const chunks = this.#pending.length > 0 ? [this.#writeGroup()] : [];
    // A manifest without entries has nothing before its footer but the magic number.
    if (this.#sink.index > 0) chunks.push(this.#drain());
    const footerStart = this.#sink.offset;
    void this.#parquet.finish();
    const footer = this.#drain();
    this.#footer = {
      sizeBytes: this.#sink.offset,
      footerBytes: this.#sink.offset - footerStart,
      footerCrc32: crc32(footer),
    };
    chunks.push(footer);
    return chunks;
  }

  get footer(): Omit<ManifestRef, 'key'> {
    invariant(this.#footer !== undefined, 'MAN-2', 'a manifest was asked for its footer before its end');
    return this.#footer;
  }

  #writeGroup(): Uint8Array {
    const columns = this.#groups.encode(this.#pending);
    const [first, last] = [columns.path[0], columns.path.at(-1)];
    invariant(first !== undefined && last !== undefined, 'MAN-3', 'a row group has no rows');
    const isBehind = this.#lastPath === undefined || compareBytes(this.#lastPath, first) < 0;
    invariant(isBehind, 'MAN-4', `a manifest is not in order at ${JSON.stringify(this.#pending[0]?.path)}`);
    const indexed = this.#parquet.pendingIndexes.length;
    void this.#parquet.write({
      columnData: COLUMN_NAMES.map((name) => ({ name, data: columns[name], encoding: 'PLAIN' })),
      rowGroupSize: this.#pending.length,
      pageSize: PAGE_BYTES,
    });
    this.#pending = [];
    // Copies: what the footer keeps must not hold on to the buffers of a group.
    this.#lastPath = new Uint8Array(last);
    this.#describeGroup({ firstPath: new Uint8Array(first), lastPath: this.#lastPath, columns });
    this.#indexPaths(indexed, columns.path);
    return this.#drain();
  }

  /** Adds to the group what the Parquet writer would compute more slowly, or does not know. */
  #describeGroup(group: {
    firstPath: Uint8Array;
    lastPath: Uint8Array;
    columns: Readonly<Record<(typeof COLUMN_NAMES)[number], readonly unknown[]>>;
  }): void {
    const meta = this.#parquet.row_groups.at(-1);
    invariant(meta !== undefined, 'MAN-5', 'the Parquet writer lost a row group');
    meta.sorting_columns = [{ column_idx: 0, descending: false, nulls_first: false }];
    const written = new Uint8Array(this.#sink.buffer, 0, this.#sink.index);
    const groupOffset = this.#sink.offset - this.#sink.index;
    for (const [index, name] of COLUMN_NAMES.entries()) {
      const chunk = meta.columns[index];
      invariant(chunk?.meta_data !== undefined, 'MAN-5', 'the Parquet writer lost a column');
      const from = Number(chunk.file_offset) - groupOffset;
      const bytes = written.subarray(from, from + Number(chunk.meta_data.total_compressed_size));
      chunk.meta_data.key_value_metadata = [{ key: CRC_KEY, value: String(crc32(bytes)) }];
      const nulls = group.columns[name].reduce<number>((sum, value) => sum + (value === null ? 1 : 0), 0);
      const bounds = name === 'path' ? { min_value: group.firstPath, max_value: group.lastPath } : {};
      chunk.meta_data.statistics = { ...bounds, null_count: BigInt(nulls) };
    }
  }

  /** The column index of `path`: the bounds of a page are its first and last path. */
  #indexPaths(at: number, paths: readonly Uint8Array[]): void {
    const index = this.#parquet.pendingIndexes[at];
    const pages = index?.offsetIndex?.page_locations;
    if (index === undefined || pages === undefined) return;
    const starts = pages.map((page) => Number(page.first_row_index));
    const pathAt = (row: number): Uint8Array => new Uint8Array(paths[row] ?? []);
    index.columnIndex = {
      null_pages: starts.map(() => false),
      min_values: starts.map((start) => pathAt(start)),
      max_values: starts.map((_, page) => pathAt((starts[page + 1] ?? paths.length) - 1)),
      boundary_order: 'ASCENDING',
      null_counts: starts.map(() => 0n),
    };
  }

  /** A copy of what was written since the last call. */
  #drain(): Uint8Array {
    const bytes = new Uint8Array(this.#sink.buffer.slice(0, this.#sink.index));
    this.#sink.index = 0;
    return bytes;
  }
}
