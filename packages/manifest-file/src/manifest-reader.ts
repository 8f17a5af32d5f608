import {
  type CallOptions,
  compareUtf8,
  type Entry,
  type ManifestReader,
  type ManifestRef,
  type ObjectReader,
  throwIfCancelled,
} from '@waybill/core';
import { corrupt, decodeAs, manifestSubject, type Subject } from './corrupt.ts';
import { decodeManifestFooter, type ManifestFooter, type ManifestGroup } from './manifest-footer.ts';
import { GroupRows } from './manifest-rows.ts';

/** Entries of a block. */
const BLOCK_ENTRIES = 2_048;

/** See `ManifestFiles.openManifest`. */
export async function openManifest(
  reader: ObjectReader,
  ref: ManifestRef,
  options: CallOptions = {},
): Promise<ManifestReader> {
  const subject = manifestSubject(reader.name);
  const { sizeBytes, footerBytes } = ref;
  if (reader.sizeBytes !== sizeBytes) {
    throw corrupt(subject, `is ${reader.sizeBytes} bytes long instead of ${sizeBytes}`);
  }
  const range = { offset: sizeBytes - footerBytes, length: footerBytes };
  const footer = await reader.readRange(range, options);
  return new ParquetManifest(
    reader,
    decodeAs(subject, () => decodeManifestFooter(footer, ref)),
  );
}

class ParquetManifest implements ManifestReader {
  readonly #reader: ObjectReader;
  readonly #subject: Subject;
  readonly #footer: ManifestFooter;
  /** The row group read last: lookups often come in path order. */
  #latest: GroupRows | undefined;

  constructor(reader: ObjectReader, footer: ManifestFooter) {
    this.#reader = reader;
    this.#subject = manifestSubject(reader.name);
    this.#footer = footer;
  }

  get entryCount(): number {
    return this.#footer.entryCount;
  }

  async lookup(path: string, options: CallOptions = {}): Promise<Entry | undefined> {
    const group = this.#footer.groups[this.#findGroup(path)];
    if (group === undefined || compareUtf8(path, group.firstPath) < 0) return undefined;
    if (this.#latest?.group !== group) this.#latest = await this.#readGroup(group, options);
    const rows = this.#latest;
    return this.#decode(() => {
      const row = rows.findRow(path);
      return rows.pathAt(row) === path ? rows.entries({ from: row, to: row + 1 })[0] : undefined;
    });
  }

  async *scan(
    range: { from?: string; prefix?: string } = {},
    options: CallOptions = {},
  ): AsyncGenerator<readonly Entry[], void, undefined> {
    const { from = '', prefix = '' } = range;
    const start = compareUtf8(from, prefix) > 0 ? from : prefix;
    for await (const rows of this.#groupsFrom(start, prefix, options)) {
      const entries = this.#decode(() => {
        const first = rows.findRow(start);
        return rows.entries({ from: first, to: rows.findEnd(prefix, first) });
      });
      for (let row = 0; row < entries.length; row += BLOCK_ENTRIES) {
        yield entries.slice(row, row + BLOCK_ENTRIES);
      }
    }
  }

  /** The row groups that may hold entries from `start` on that begin with `prefix`; one is read ahead. */
  async *#groupsFrom(start: string, prefix: string, options: CallOptions): AsyncGenerator<GroupRows> {
    const { groups } = this.#footer;
    const read = (index: number): Promise<GroupRows> | undefined => {
      const group = groups[index];
      const isWanted =
        group !== undefined &&
        (group.firstPath.startsWith(prefix) || compareUtf8(group.firstPath, start) <= 0);
      const reading = isWanted ? this.#readGroup(group, options) : undefined;
      // Its failure counts when the scan reaches it, or never.
      reading?.catch(() => undefined);
      return reading;
    };
    let index = this.#findGroup(start);
    let ahead = read(index);
    try {
      while (ahead !== undefined) {
        const rows = await ahead;
        index += 1;
        ahead = read(index);
        yield rows;
      }
    } finally {
      await Promise.allSettled([ahead]);
    }
  }

  /** Index of the first group that ends at or behind `path`. */
  #findGroup(path: string): number {
    const { groups } = this.#footer;
    let low = 0;
    let high = groups.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareUtf8(groups[middle]?.lastPath ?? '', path) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #readGroup(group: ManifestGroup, options: CallOptions): Promise<GroupRows> {
    throwIfCancelled(options.signal);
    const { offset, sizeBytes } = group;
    const bytes = await this.#reader.readRange({ offset, length: sizeBytes }, options);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#decode(() => new GroupRows(group, buffer));
  }

  #decode<T>(decode: () => T): T {
    return decodeAs(this.#subject, decode);
  }
}
