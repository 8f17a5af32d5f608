import {
  ArtifactError,
  type CallOptions,
  type Entry,
  entryPathProblem,
  quotePath,
  throwIfCancelled,
} from '@waybill/core';
import { corrupt, type Subject } from './corrupt.ts';
import { isRecord } from './entry-extra.ts';
import { JsonText } from './json-text.ts';
import { WANDB_STORAGE_POLICY } from './wandb-json-encoder.ts';

const BLOCK_ENTRIES = 1_000;

const SUBJECT: Subject = { name: 'W&B manifest', advice: 'export it again' };

const KNOWN_LAYOUTS: readonly unknown[] = ['V1', 'V2', undefined];

/**
 * See `ManifestTexts.decodeWandbJson`. The members of the file come in any order: a version or policy that is not
 * known may be found only behind the contents, so entries count only when the whole was read without an error.
 */
export async function* decodeWandbJson(
  chunks: AsyncIterable<Uint8Array>,
  options: CallOptions = {},
): AsyncGenerator<readonly Entry[], void, undefined> {
  const json = new JsonText(chunks);
  try {
    yield* readManifest(json, options);
  } catch (error) {
    if (!(error instanceof ArtifactError) || error.code !== 'CORRUPT') throw error;
    // What the source of the bytes throws has a subject; what is wrong with the text has none yet.
    throw 'subject' in error.details ? error : corrupt(SUBJECT, error.message, error);
  } finally {
    await json.close();
  }
}

async function* readManifest(json: JsonText, options: CallOptions): AsyncGenerator<readonly Entry[]> {
  const seen = new Set<string>();
  await json.expect('{');
  for (let isFirst = true; (await json.peek()) !== '}'; isFirst = false) {
    if (!isFirst) await json.expect(',');
    const key = await json.readKey();
    if (seen.has(key)) throw json.problem(`has ${JSON.stringify(key)} twice`);
    seen.add(key);
    if (key === 'contents') yield* readContents(json, options);
    else checkMember(json, key, await json.readValue());
  }
  await json.expect('}');
  if ((await json.peek()) !== '') throw json.problem('goes on behind its end');
  for (const key of ['version', 'storagePolicy', 'contents']) {
    if (!seen.has(key)) throw json.problem(`has no ${JSON.stringify(key)} field`);
  }
}

function checkMember(json: JsonText, key: string, value: unknown): void {
  if (key === 'version' && value !== 1) throw unsupported('version', value, 'only version 1 is known');
  if (key === 'storagePolicy' && value !== WANDB_STORAGE_POLICY) {
    throw unsupported('storage policy', value, `only ${WANDB_STORAGE_POLICY} is known`);
  }
  if (key !== 'storagePolicyConfig' || value === null) return;
  if (!isRecord(value)) throw json.problem('has a "storagePolicyConfig" that is not an object');
  const layout = value['storageLayout'];
  if (!KNOWN_LAYOUTS.includes(layout))
    throw unsupported('storage layout', layout, 'only V1 and V2 are known');
}

function unsupported(what: string, value: unknown, known: string): ArtifactError {
  const subject = `${SUBJECT.name} with ${what} ${JSON.stringify(value)}`;
  return new ArtifactError('UNSUPPORTED', `${subject} cannot be read: ${known}`, { details: { subject } });
}

async function* readContents(json: JsonText, options: CallOptions): AsyncGenerator<readonly Entry[]> {
  await json.expect('{');
  for (let isFirst = true; ; ) {
    throwIfCancelled(options.signal);
    const { members, isEnd } = json.takeMembers(BLOCK_ENTRIES, isFirst);
    if (members.length > 0) yield members.map(([path, value]) => readEntry(json, path, value));
    if (isEnd) return;
    isFirst &&= members.length === 0;
    if (members.length < BLOCK_ENTRIES) await json.more();
  }
}

function readEntry(json: JsonText, path: string, value: unknown): Entry {
  const refuse = (problem: string): Error => json.problem(`has an entry ${quotePath(path)} that ${problem}`);
  const pathProblem = entryPathProblem(path);
  if (pathProblem !== undefined) throw refuse(pathProblem);
  if (!isRecord(value)) throw refuse('is not an object');
  const { digest, size, extra } = value;
  if (typeof digest !== 'string') throw refuse('has no digest');
  const hasSize = size !== undefined && size !== null;
  if (hasSize && !isSize(size)) throw refuse('has a size that is not a whole number of bytes');
  const hasExtra = extra !== undefined && extra !== null;
  if (hasExtra && !isRecord(extra)) throw refuse('has an "extra" that is not an object');
  const textOf = (key: 'ref' | 'birthArtifactID'): string | undefined => {
    const text = value[key] ?? '';
    if (typeof text !== 'string') throw refuse(`has a "${key}" that is not a text`);
    // W&B's writers leave out what is empty, and its readers take empty for absent.
    return text === '' ? undefined : text;
  };
  const [ref, birthArtifactId] = [textOf('ref'), textOf('birthArtifactID')];
  return {
    path,
    digest,
    sizeBytes: isSize(size) ? size : undefined,
    ...(ref === undefined ? {} : { ref }),
    ...(isRecord(extra) && Object.keys(extra).length > 0 ? { extra } : {}),
    ...(birthArtifactId === undefined ? {} : { birthArtifactId }),
  };
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
