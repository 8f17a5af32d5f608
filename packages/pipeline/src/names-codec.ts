import type { EncodedNames } from '@waybill/core';

const NUL = 0;
/** How many names the bytes hold. */
export function countNames(bytes: EncodedNames): number {
  if (bytes.length === 0) return 0;
  let count = 1;
  for (let at = bytes.indexOf(NUL); at >= 0; at = bytes.indexOf(NUL, at + 1)) count++;
  return count;
}

/** A part of the names, without decoding them. */
export function sliceNames(bytes: EncodedNames, range: { skip: number; take: number }): EncodedNames {
  const start = offsetOfName(bytes, range.skip);
  if (range.take === 0 || start >= bytes.length) return new Uint8Array(0);
  const tail = bytes.subarray(start);
  const end = offsetOfName(tail, range.take);
  return end >= tail.length ? tail : tail.subarray(0, end - 1);
}

/** Joins two runs of names. */
export function joinNames(a: EncodedNames, b: EncodedNames): EncodedNames {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const joined = new Uint8Array(a.length + 1 + b.length);
  joined.set(a, 0);
  joined.set(b, a.length + 1);
  return joined;
}

function offsetOfName(bytes: Uint8Array, index: number): number {
  let at = 0;
  for (let passed = 0; passed < index; passed++) {
    const end = bytes.indexOf(NUL, at);
    if (end < 0) return bytes.length;
    at = end + 1;
  }
  return at;
}
