import type { EncodedNames } from './ports/thread-tasks.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Names to bytes: joined by NUL, which no path contains. */
export function encodeNames(names: readonly string[]): EncodedNames {
  return encoder.encode(names.join('\0'));
}

/** The reverse of {@link encodeNames}. No bytes are no names. */
export function decodeNames(bytes: EncodedNames): string[] {
  return bytes.length === 0 ? [] : decoder.decode(bytes).split('\0');
}
