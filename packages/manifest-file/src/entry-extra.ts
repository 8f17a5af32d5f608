import type { EntryExtra } from '@waybill/core';
import { formatProblem } from './corrupt.ts';

/** @throws ArtifactError `CORRUPT`, unnamed, when the text is not a JSON object */
export function parseExtra(text: string): EntryExtra {
  const value: unknown = parseJson(text);
  if (!isRecord(value)) throw formatProblem('has an "extra" that is not a JSON object');
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw formatProblem('has an "extra" that is not JSON', error);
  }
}

export function isRecord(value: unknown): value is EntryExtra {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
