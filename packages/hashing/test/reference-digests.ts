import { createHash } from 'node:crypto';
import { DIGEST_BYTES } from '@waybill/core';

/** MD5 as the system's library has it. */
export function referenceMd5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Hex of the i-th of digests that lie one behind the other. */
export function hexAt(digests: Uint8Array, index: number): string {
  return digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES).toHex();
}

/** Bytes that differ from their neighbours and from those of another seed; the same for the same arguments. */
export function seededBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed + 1) * 0x9e3779b1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
