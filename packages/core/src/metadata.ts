import { ArtifactError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { utf8Length } from './utf8-order.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Metadata of a version: at most 100 top-level keys, JSON values, finite numbers. */
export type Metadata = Readonly<Record<string, JsonValue>>;

/** Bare tokens that Python's `json` writes and JSON does not know, in a place where a value may stand. */
const BARE_NUMBER = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/gs;
const MARK = '\u0000not-finite\u0000';

/**
 * Parses metadata given as JSON text.
 *
 * @throws ArtifactError `INVALID_METADATA`, naming the key: no object, more than 100 keys, NaN or an infinity, an
 * integer that a double cannot hold (it would come back changed), text over the limit.
 */
export function parseMetadata(text: string): Metadata {
  refuseLarge(text);
  const value = parseJson(text);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) refuse('must be a JSON object');
  return checkMetadata(value as Readonly<Record<string, unknown>>);
}

/** Checks metadata that is already a value. Same errors as {@link parseMetadata}. */
export function checkMetadata(value: Readonly<Record<string, unknown>>): Metadata {
  const count = Object.keys(value).length;
  if (count > LIMITS.metadataKeys) refuse(`has ${count} keys; at most ${LIMITS.metadataKeys} are allowed`);
  checkValue(value, []);
  refuseLarge(JSON.stringify(value));
  return value as Metadata;
}

function refuseLarge(text: string): void {
  if (utf8Length(text) > LIMITS.metadataBytes) refuse(`is larger than ${LIMITS.metadataBytes} bytes`);
}

/** @throws ArtifactError `LIMIT_EXCEEDED` for a description over the limit */
export function assertDescription(description: string): void {
  const bytes = utf8Length(description);
  if (bytes <= LIMITS.descriptionBytes) return;
  throw new ArtifactError(
    'LIMIT_EXCEEDED',
    `the description has ${bytes} bytes; at most ${LIMITS.descriptionBytes} are allowed, put longer texts into a file of the version`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, checkSource);
  } catch (cause) {
    if (cause instanceof ArtifactError) throw cause;
    const marked = text.replaceAll(BARE_NUMBER, (token) =>
      token.startsWith('"') ? token : JSON.stringify(MARK),
    );
    if (marked !== text) {
      const value = parseOrUndefined(marked);
      if (value !== undefined) checkValue(value, []);
    }
    const reason = Error.isError(cause) ? cause.message : String(cause);
    throw new ArtifactError('INVALID_METADATA', `metadata is not valid JSON: ${reason}`, { cause });
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The reviver's third argument has the number as it was written, so that a lossy one is caught. */
function checkSource(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined) return value;
  if (!Number.isFinite(value)) refuse(`key "${key}": ${source} is beyond the range of a number`);
  if (/^-?\d+$/.test(source) && !Number.isSafeInteger(value) && String(value) !== source) {
    refuse(`key "${key}": the integer ${source} cannot be kept exactly; write it as a string`);
  }
  return value;
}

function checkValue(value: unknown, keys: readonly string[]): void {
  if (value === MARK) refuse(`key "${keys.join('.')}" is NaN or infinite; JSON has no such number`);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    refuse(`key "${keys.join('.')}" is ${value}; JSON has no such number`);
  }
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) checkValue(inner, [...keys, key]);
    return;
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return;
  refuse(`key "${keys.join('.')}" holds a ${typeof value}, which JSON cannot hold`);
}

function refuse(problem: string): never {
  throw new ArtifactError('INVALID_METADATA', `metadata ${problem}`);
}
