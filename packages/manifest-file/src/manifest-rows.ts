import { crc32 } from 'node:zlib';
import { compareUtf8, type Entry } from '@waybill/core';
import { formatProblem } from './corrupt.ts';
import { parseExtra } from './entry-extra.ts';
import { MAGIC, type ManifestGroup } from './manifest-footer.ts';
import { type RowRange, readSizeColumn, readTextColumn } from './manifest-pages.ts';
import type { ColumnName } from './manifest-schema.ts';

/** The bytes of a row group, checked against the footer; columns are decoded when they are asked for. */
export class GroupRows {
  readonly group: ManifestGroup;
  readonly #bytes: Buffer;
  #paths: readonly (string | undefined)[] | undefined;

  /** Throws a format problem. */
  constructor(group: ManifestGroup, bytes: Buffer) {
    this.group = group;
    this.#bytes = bytes;
    if (group.offset === 0 && bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) {
      throw formatProblem('does not begin as a Parquet file');
    }
    for (const [name, chunk] of Object.entries(group.chunks)) {
      const actual = crc32(bytes.subarray(chunk.offset, chunk.offset + chunk.sizeBytes));
      if (actual !== chunk.crc32)
        throw formatProblem(`has a damaged page (column ${name}, from ${group.firstPath})`);
    }
  }

  #chunk(name: ColumnName): Buffer {
    const { offset, sizeBytes } = this.group.chunks[name];
    return this.#bytes.subarray(offset, offset + sizeBytes);
  }

  get #allPaths(): readonly (string | undefined)[] {
    this.#paths ??= readTextColumn(this.#chunk('path'), { from: 0, to: this.group.rowCount }).texts;
    return this.#paths;
  }

  /** First row whose path is not before `path`. */
  findRow(path: string): number {
    const paths = this.#allPaths;
    let low = 0;
    let high = this.group.rowCount;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareUtf8(paths[middle] ?? '', path) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** First row, from `from` on, whose path does not begin with `prefix`; those before it do, or there are none. */
  findEnd(prefix: string, from: number): number {
    const paths = this.#allPaths;
    let low = from;
    let high = this.group.rowCount;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (paths[middle]?.startsWith(prefix) === true) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  pathAt(row: number): string | undefined {
    return this.#allPaths[row];
  }

  /** Decodes the pages that hold these rows. */
  entries(range: RowRange): Entry[] {
    const paths = this.#allPaths;
    const text = (name: ColumnName) => {
      const { start, texts } = readTextColumn(this.#chunk(name), range);
      return (row: number): string | undefined => texts[row - start];
    };
    const { start, sizes } = readSizeColumn(this.#chunk('size'), range);
    const [digest, ref, extra] = [text('digest'), text('ref'), text('extra')];
    const [birth, sha256] = [text('birth_artifact_id'), text('sha256')];
    const entries: Entry[] = [];
    for (let row = range.from; row < range.to; row++) {
      const entry = { path: paths[row] ?? '', digest: digest(row) ?? '', sizeBytes: sizes[row - start] };
      const optional = { ref: ref(row), extra: extra(row), birth: birth(row), sha256: sha256(row) };
      entries.push(withOptional(entry, optional));
    }
    return entries;
  }
}

function withOptional(
  entry: Entry,
  optional: Readonly<Record<'ref' | 'extra' | 'birth' | 'sha256', string | undefined>>,
): Entry {
  const { ref, extra, birth, sha256 } = optional;
  if (ref === undefined && extra === undefined && birth === undefined && sha256 === undefined) return entry;
  return {
    ...entry,
    ...(ref === undefined ? {} : { ref }),
    ...(extra === undefined ? {} : { extra: parseExtra(extra) }),
    ...(birth === undefined ? {} : { birthArtifactId: birth }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}
