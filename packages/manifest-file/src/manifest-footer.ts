import { crc32 } from 'node:zlib';
import { ArtifactError, type ManifestRef } from '@waybill/core';
import { type ColumnChunk, type FileMetaData, parquetMetadata, type RowGroup } from 'hyparquet';
import { formatProblem } from './corrupt.ts';
import { COLUMN_NAMES, type ColumnName, CRC_KEY, MANIFEST_VERSION, VERSION_KEY } from './manifest-schema.ts';

/** The magic number at the start of the file; read and checked with the first row group. */
export const MAGIC = 'PAR1';

interface ManifestChunk {
  /** From the start of the row group's bytes. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly crc32: number;
}

/** A row group: where it lies, and which paths it has. */
export interface ManifestGroup {
  readonly firstPath: string;
  readonly lastPath: string;
  readonly rowCount: number;
  /** Of its bytes in the file. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly chunks: Readonly<Record<ColumnName, ManifestChunk>>;
}

export interface ManifestFooter {
  readonly entryCount: number;
  readonly groups: readonly ManifestGroup[];
}

/** Texts of the footer exactly: the library's own decoding drops a leading U+FEFF. */
const PARSERS = {
  stringFromBytes: (bytes: Uint8Array | undefined): string =>
    bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
};

/** Checks and reads the last bytes of a manifest. Throws a format problem, or `TOO_NEW`. */
export function decodeManifestFooter(footer: Uint8Array, ref: ManifestRef): ManifestFooter {
  if (crc32(footer) !== ref.footerCrc32) throw formatProblem('has a footer whose checksum is wrong');
  const metadata = parquetMetadata(footer, { parsers: PARSERS, geoparquet: false });
  const version = metadata.key_value_metadata?.find(({ key }) => key === VERSION_KEY)?.value;
  if (version === undefined) throw formatProblem('is a Parquet file, but not a manifest');
  if (version !== MANIFEST_VERSION) {
    throw new ArtifactError(
      'TOO_NEW',
      `manifest ${ref.key} has format version ${version}, this program reads ${MANIFEST_VERSION}; use a newer one`,
      { details: { subject: ref.key } },
    );
  }
  assertColumns(metadata);
  return {
    entryCount: Number(metadata.num_rows),
    groups: metadata.row_groups.map((group, index) => readGroup(group, index)),
  };
}

function assertColumns({ schema }: FileMetaData): void {
  const names = schema.slice(1).map(({ name }) => name);
  const isKnown = COLUMN_NAMES.every((name, index) => names[index] === name);
  if (!isKnown) throw formatProblem('has other columns than a manifest');
}

function readGroup(group: RowGroup, index: number): ManifestGroup {
  const [first, last] = [group.columns[0], group.columns[COLUMN_NAMES.length - 1]];
  if (first === undefined || last === undefined) throw formatProblem('has a row group without columns');
  const { min_value: firstPath, max_value: lastPath } = first.meta_data?.statistics ?? {};
  if (typeof firstPath !== 'string' || typeof lastPath !== 'string') {
    throw formatProblem('has a row group without the bounds of its paths');
  }
  const start = Number(first.file_offset);
  // The first group's bytes include the magic number before it, so that somebody checks that too.
  const offset = index === 0 ? 0 : start;
  const chunkOf = (chunk: ColumnChunk | undefined): ManifestChunk => readChunk(chunk, offset);
  const end = chunkOf(last).offset + chunkOf(last).sizeBytes;
  const [path, digest, size, ref, extra, birth, sha256] = group.columns.map(chunkOf);
  return {
    firstPath,
    lastPath,
    rowCount: Number(group.num_rows),
    offset,
    sizeBytes: end,
    chunks: {
      path: present(path),
      digest: present(digest),
      size: present(size),
      ref: present(ref),
      extra: present(extra),
      birth_artifact_id: present(birth),
      sha256: present(sha256),
    },
  };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw formatProblem('lacks a column');
  return value;
}

function readChunk(chunk: ColumnChunk | undefined, groupOffset: number): ManifestChunk {
  const meta = chunk?.meta_data;
  const crc = Number(meta?.key_value_metadata?.find(({ key }) => key === CRC_KEY)?.value);
  if (chunk === undefined || meta === undefined || !Number.isInteger(crc)) {
    throw formatProblem('has a column without a checksum');
  }
  if (meta.codec !== 'ZSTD') throw formatProblem(`is compressed with ${meta.codec}`);
  return {
    offset: Number(chunk.file_offset) - groupOffset,
    sizeBytes: Number(meta.total_compressed_size),
    crc32: crc,
  };
}
