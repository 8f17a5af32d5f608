import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { formatProblem } from './corrupt.ts';

const COMPRESSION = {
  [constants.ZSTD_c_compressionLevel]: 1,
  // Four bytes a frame, so that the decompressor itself notices changed content.
  [constants.ZSTD_c_checksumFlag]: 1,
};

/** Output is collected in chunks; one that holds all of it saves copies. */
const CHUNK_BYTES_MIN = 1_024;
const CHUNK_BYTES_MAX = 1_048_576;

function chunkSizeFor(sizeBytes: number): number {
  return Math.min(Math.max(sizeBytes, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
}

/** One zstd frame, level 1 (the fastest that still finds repeats), with a checksum of the content. */
export function zstdCompress(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return zstdCompressSync(bytes, { params: COMPRESSION, chunkSize: chunkSizeFor(bytes.length) });
}

/** Throws whatever zlib throws when the bytes are not one intact frame of exactly `sizeBytes`. */
export function zstdDecompress(bytes: Uint8Array, sizeBytes: number): Buffer<ArrayBuffer> {
  const output = zstdDecompressSync(bytes, {
    chunkSize: chunkSizeFor(sizeBytes + 1),
    maxOutputLength: Math.max(sizeBytes, 1),
  });
  if (output.length !== sizeBytes) {
    throw formatProblem(`decompresses to ${output.length} bytes instead of ${sizeBytes}`);
  }
  return output;
}
