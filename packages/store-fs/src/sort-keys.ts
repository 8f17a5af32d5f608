import { compareUtf8 } from '@waybill/core';

const SURROGATES = /[\ud800-\udfff]/;

/**
 * Sorts in place by UTF-8 bytes. The engine's own order of strings is the same for everything but characters outside
 * the basic plane, and several times faster. `joined` is all keys joined: one look instead of one a key.
 */
export function sortKeys(keys: string[], joined: string): string[] {
  return SURROGATES.test(joined) ? keys.sort(compareUtf8) : keys.sort(compareUnits);
}

function compareUnits(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** Whether a sort key is that of a folder. */
export function isFolderKey(key: string): boolean {
  return key.charCodeAt(key.length - 1) === 47;
}
