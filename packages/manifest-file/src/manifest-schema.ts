import type { KeyValue, SchemaElement } from 'hyparquet';

/** Columns in the order of the file; `path` is the sort key. */
export const COLUMN_NAMES = [
  'path',
  'digest',
  'size',
  'ref',
  'extra',
  'birth_artifact_id',
  'sha256',
] as const;

export type ColumnName = (typeof COLUMN_NAMES)[number];

/** Columns of text that may be null. */
const OPTIONAL_TEXTS = ['ref', 'extra', 'birth_artifact_id', 'sha256'] as const;

export const MANIFEST_VERSION = '1';

/** Key of the file's metadata that holds the version of this format. */
export const VERSION_KEY = 'waybill.manifest.version';

/** Key of a column chunk's metadata that holds the crc32 of its bytes, in decimal. */
export const CRC_KEY = 'waybill.crc32';

/** Rows of the first row groups: one point lookup reads one. */
const GROUP_ROWS_MIN = 8_192;
/** Rows of a row group at most. */
export const GROUP_ROWS_MAX = 32_768;
/** Row groups after which they become twice as large. */
const GROUPS_PER_SIZE = 1_024;

/**
 * Rows of the n-th row group. A writer holds some KiB for each, and every reader reads them all in the footer, so there
 * may not be many: a million entries are 123 groups, a hundred million 4,332. Larger ones cost memory while they are gathered.
 */
export function rowsOfGroup(index: number): number {
  return Math.min(GROUP_ROWS_MAX, GROUP_ROWS_MIN * 2 ** Math.floor(index / GROUPS_PER_SIZE));
}

/** Uncompressed bytes of a page, about. */
export const PAGE_BYTES = 65_536;

function text(name: ColumnName, repetition: 'REQUIRED' | 'OPTIONAL'): SchemaElement {
  return {
    name,
    type: 'BYTE_ARRAY',
    converted_type: 'UTF8',
    logical_type: { type: 'STRING' },
    repetition_type: repetition,
  };
}

export const MANIFEST_SCHEMA: SchemaElement[] = [
  { name: 'manifest', num_children: COLUMN_NAMES.length },
  text('path', 'REQUIRED'),
  text('digest', 'REQUIRED'),
  { name: 'size', type: 'INT64', repetition_type: 'OPTIONAL' },
  ...OPTIONAL_TEXTS.map((name) => text(name, 'OPTIONAL')),
];

export const MANIFEST_METADATA: KeyValue[] = [{ key: VERSION_KEY, value: MANIFEST_VERSION }];
