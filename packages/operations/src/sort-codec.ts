import { DIGEST_BYTES, type Entry, isContentDigest } from '@waybill/core';
import type { EntryDifference } from './results.ts';

/** Bits of one character of a key, and the first character: below the surrogates, above what digests are written in. */
const CHAR_BITS = 15;
const CHAR_MASK = 0x7fff;
const CHAR_BASE = 0x100;
/** Characters of a position: enough for 2^45 entries. */
export const POSITION_CHARS = 3;
/** Before digests that are no content's (an ETag, a URI), so that they are never taken for packed ones. */
const TEXT_MARK = '!';
const TEXT_END = '\0';

/**
 * A number as text that sorts like it. Keys are what a sort outside memory spends its time on: short ones, which differ
 * early, are compared several times faster than paths and base64.
 */
export function encodePosition(position: number): string {
  const high = Math.floor(position / 2 ** (2 * CHAR_BITS));
  const low = position % 2 ** (2 * CHAR_BITS);
  return String.fromCharCode(
    CHAR_BASE + high,
    CHAR_BASE + (low >>> CHAR_BITS),
    CHAR_BASE + (low & CHAR_MASK),
  );
}

const digestBytes = new Uint8Array(DIGEST_BYTES);
const digestWords = new DataView(digestBytes.buffer);

/** Text that is equal for equal digests, of a kind that no other is a beginning of: 128 bits in nine characters. */
export function encodeDigestKey(digest: string): string {
  if (!isContentDigest(digest)) return TEXT_MARK + digest + TEXT_END;
  digestBytes.setFromBase64(digest);
  const a = digestWords.getUint32(0);
  const b = digestWords.getUint32(4);
  const c = digestWords.getUint32(8);
  const d = digestWords.getUint32(12);
  return String.fromCharCode(
    CHAR_BASE + (a >>> 17),
    CHAR_BASE + ((a >>> 2) & CHAR_MASK),
    CHAR_BASE + (((a & 0x3) << 13) | (b >>> 19)),
    CHAR_BASE + ((b >>> 4) & CHAR_MASK),
    CHAR_BASE + (((b & 0xf) << 11) | (c >>> 21)),
    CHAR_BASE + ((c >>> 6) & CHAR_MASK),
    CHAR_BASE + (((c & 0x3f) << 9) | (d >>> 23)),
    CHAR_BASE + ((d >>> 8) & CHAR_MASK),
    CHAR_BASE + (d & 0xff),
  );
}

/** An entry on one side only, as the value of a record. */
export function encodeEntry({ path, digest, sizeBytes }: Entry): string {
  return `${sizeBytes ?? ''} ${digest.length} ${digest}${path}`;
}

export function decodeEntry(value: string): { path: string; digest: string; sizeBytes: number | undefined } {
  const sizeEnd = value.indexOf(' ');
  const start = value.indexOf(' ', sizeEnd + 1) + 1;
  const digestEnd = start + Number(value.slice(sizeEnd + 1, start - 1));
  return {
    path: value.slice(digestEnd),
    digest: value.slice(start, digestEnd),
    sizeBytes: sizeEnd === 0 ? undefined : Number(value.slice(0, sizeEnd)),
  };
}

const KINDS = { '+': 'added', '-': 'removed', '>': 'moved' } as const;

/** A difference as the value of a record: its kind, the old path of a move and its length, the entry's own value. */
export function encodeDifference(kind: keyof typeof KINDS, entry: string, fromPath = ''): string {
  return `${kind}${fromPath.length} ${fromPath}${entry}`;
}

export function decodeDifference(value: string): EntryDifference {
  const lengthEnd = value.indexOf(' ');
  const pathEnd = lengthEnd + 1 + Number(value.slice(1, lengthEnd));
  const entry = decodeEntry(value.slice(pathEnd));
  const sign = value.charAt(0);
  if (sign === '>') return { kind: 'moved', fromPath: value.slice(lengthEnd + 1, pathEnd), ...entry };
  return { kind: sign === '+' ? KINDS['+'] : KINDS['-'], ...entry };
}
