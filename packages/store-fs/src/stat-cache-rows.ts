import { ArtifactError, type CacheRow, DIGEST_BYTES, type DigestAlgorithm } from '@waybill/core';

/**
 * The part of a row beside its path (`docs/formats/stat-cache.md`): signature 32, algorithm 1, ingest 6 (big-endian,
 * so that it can be compared as bytes), digest 16, checksum of all these 4. SQLite has no checksums of its own, and
 * a digest that lost a bit would go into a manifest.
 */
export const STATE_BYTES = 59;
const SIGNATURE_BYTES = 32;
const ALGORITHM_AT = 32;
const INGEST_AT = 33;
const INGEST_BYTES = 6;
const DIGEST_AT = 39;
const CHECKSUM_AT = 55;
const LENGTH_BYTES = 4;

const ALGORITHM_CODES = { MD5: 1, XXH128: 2 } as const;

const encoder = new TextEncoder();

/** Rows as threads hand them to the writer: for each the path's length (u32 LE), the state, the path in UTF-8. */
export function encodeCacheRows(rows: readonly CacheRow[]): Uint8Array {
  const overhead = rows.length * (LENGTH_BYTES + STATE_BYTES);
  const bytes = new Uint8Array(rows.reduce((sum, { path }) => sum + path.length * 3, overhead));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const row of rows) {
    writeState(bytes, at + LENGTH_BYTES, row);
    const pathAt = at + LENGTH_BYTES + STATE_BYTES;
    const { written } = encoder.encodeInto(row.path, bytes.subarray(pathAt));
    view.setUint32(at, written, true);
    at = pathAt + written;
  }
  return bytes.slice(0, at);
}

function writeState(bytes: Uint8Array, at: number, row: CacheRow): void {
  bytes.set(row.signature, at);
  bytes[at + ALGORITHM_AT] = ALGORITHM_CODES[row.algorithm];
  writeIngest(bytes, at + INGEST_AT, row.ingest);
  bytes.set(row.digest, at + DIGEST_AT);
  const checksum = checksumOf(bytes, at);
  for (let byte = 0; byte < 4; byte++) bytes[at + CHECKSUM_AT + byte] = checksum >>> (8 * byte);
}

/** FNV-1a: the rows are short, so a call out of the engine would cost more than the loop. */
function checksumOf(states: Uint8Array, at: number): number {
  let hash = 0x811c9dc5;
  for (let byte = at; byte < at + CHECKSUM_AT; byte++)
    hash = Math.imul(hash ^ (states[byte] ?? 0), 0x01000193);
  return hash >>> 0;
}

export interface EncodedCacheRow {
  readonly path: Uint8Array;
  readonly state: Uint8Array;
}

/** The rows of {@link encodeCacheRows}, as views of its bytes. */
export function* decodeCacheRows(bytes: Uint8Array): Generator<EncodedCacheRow> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const stateAt = at + LENGTH_BYTES;
    const pathAt = stateAt + STATE_BYTES;
    const end = pathAt <= bytes.length ? pathAt + view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) throw new ArtifactError('INTERNAL', 'rows for the stat cache are cut short');
    yield { state: bytes.subarray(stateAt, pathAt), path: bytes.subarray(pathAt, end) };
    at = end;
  }
}

/** Whether the state at `at` is sound, of this algorithm, and was recorded under exactly this signature. */
export function matchesState(
  states: Uint8Array,
  at: number,
  wanted: { signature: Uint8Array; algorithm: DigestAlgorithm },
): boolean {
  if (states[at + ALGORITHM_AT] !== ALGORITHM_CODES[wanted.algorithm]) return false;
  for (let byte = 0; byte < SIGNATURE_BYTES; byte++) {
    if (states[at + byte] !== wanted.signature[byte]) return false;
  }
  const checksum = checksumOf(states, at);
  for (let byte = 0; byte < 4; byte++) {
    if (states[at + CHECKSUM_AT + byte] !== ((checksum >>> (8 * byte)) & 0xff)) return false;
  }
  return true;
}

export function digestOfState(states: Uint8Array, at: number): Uint8Array {
  return states.subarray(at + DIGEST_AT, at + DIGEST_AT + DIGEST_BYTES);
}

export function ingestOfState(states: Uint8Array, at: number): number {
  let ingest = 0;
  for (let byte = 0; byte < INGEST_BYTES; byte++)
    ingest = ingest * 256 + (states[at + INGEST_AT + byte] ?? 0);
  return ingest;
}

/** The ingest field alone, as SQL compares it. */
export function encodeIngest(ingest: number): Uint8Array {
  const bytes = new Uint8Array(INGEST_BYTES);
  writeIngest(bytes, 0, ingest);
  return bytes;
}

function writeIngest(bytes: Uint8Array, at: number, ingest: number): void {
  const high = Math.floor(ingest / 2 ** 24);
  const low = ingest % 2 ** 24;
  for (let byte = 0; byte < 3; byte++) {
    bytes[at + byte] = high >>> (16 - 8 * byte);
    bytes[at + 3 + byte] = low >>> (16 - 8 * byte);
  }
}
