import { ArtifactError, type Entry, type VersionRecord } from '@waybill/core';
import { openManifest, scanEntries, scanVersion, type VersionManifest } from './manifest-scan.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { prepareTarget } from './prepare-target.ts';
import { resolveVersion, versionName } from './resolve-version.ts';
import type { GetRequest, GetResult } from './results.ts';
import { VersionWriter } from './version-writer.ts';

/** The literal beginning of a glob: up to the first character that may mean something else. */
const LITERAL_START = /^[A-Za-z0-9_][A-Za-z0-9_./ -]*/;

/**
 * Writes a version, or the entries that globs choose, below a folder. Files that are there with the right content are
 * left alone, others replaced; what is not in the version stays. Every byte is verified before its file gets its name.
 *
 * References to local files are copied from where they are, if they still are what the manifest says.
 *
 * @throws ArtifactError `NOT_FOUND`; `TARGET_CONFLICT`, `INVALID_ARGUMENT` for the folder; `NO_SPACE`; one for all files that failed, with the gravest of
 * `CORRUPT`, `MISSING_BLOB`, `SOURCE_CHANGED`, `SOURCE_NOT_FOUND`, `TARGET_CONFLICT`, `PERMISSION`, `UNSUPPORTED`, after
 * everything else was written; `CORRUPT` when the manifest is not the version's
 */
export async function getVersion(
  ports: OperationPorts,
  request: GetRequest,
  options: OperationOptions = {},
): Promise<GetResult> {
  const wanted = request.only.length === 0 ? undefined : ports.globs.compile(request.only);
  const version = await resolveVersion(ports, request.ref, options);
  const manifest = await openManifest(ports, version, options);
  await using blocks =
    wanted === undefined
      ? scanVersion(ports, manifest, options)
      : chosen(ports, manifest, { request, wanted }, options);
  // Before the folder is made: where nothing is to be written, nothing is left behind.
  const first = await blocks.next();
  if (wanted !== undefined && first.done === true) throw nothingMatches(version, request);
  const { root, empty } = await prepareTarget(ports, request.root, options);
  const totals = await writeEntries(
    ports,
    { version, root, replace: !empty },
    { blocks: from(first, blocks), complete: wanted === undefined, options },
  );
  return { version, root, ...totals };
}

function nothingMatches(version: VersionRecord, { only }: GetRequest): ArtifactError {
  return new ArtifactError(
    'NOT_FOUND',
    `no entry of ${versionName(version)} matches ${only.map((glob) => JSON.stringify(glob)).join(', ')}; \`waybill ls\` lists its entries`,
    { details: { subject: versionName(version), globs: only } },
  );
}

/** What an iterator gave first, and then the rest. */
async function* from<T>(first: IteratorResult<T>, rest: AsyncIterable<T>): AsyncGenerator<T> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

/** Writes blocks of entries; the folder exists. */
export async function writeEntries(
  ports: OperationPorts,
  target: { version: VersionRecord; root: string; replace: boolean },
  work: { blocks: AsyncIterable<readonly Entry[]>; complete: boolean; options: OperationOptions },
): Promise<Omit<GetResult, 'version' | 'root'>> {
  const { version } = target;
  const known = work.complete ? { entriesTotal: version.entryCount, bytesTotal: version.sizeBytes } : {};
  await using writer = new VersionWriter(ports, { ...target, ...known }, work.options);
  for await (const block of work.blocks) await writer.add(block);
  return await writer.finish();
}

async function* chosen(
  ports: OperationPorts,
  manifest: VersionManifest,
  choice: { request: GetRequest; wanted: (path: string) => boolean },
  options: OperationOptions,
): AsyncGenerator<readonly Entry[]> {
  const prefix = literalPrefix(choice.request.only);
  // A whole scan proves the manifest on the way; a part of it is read only where the globs may match.
  const blocks =
    prefix === '' ? scanVersion(ports, manifest, options) : scanEntries(manifest, { prefix }, options);
  for await (const block of blocks) {
    const entries = block.filter(({ path }) => choice.wanted(path));
    if (entries.length > 0) yield entries;
  }
}

/** What every path that matches one of the globs begins with. */
export function literalPrefix(globs: readonly string[]): string {
  const starts = globs.map((glob) => LITERAL_START.exec(glob)?.[0] ?? '');
  let prefix = starts[0] ?? '';
  for (const start of starts) while (!start.startsWith(prefix)) prefix = prefix.slice(0, -1);
  // A glob with "." or an empty part means another path than it spells.
  const folders = prefix.split('/').slice(0, -1);
  return folders.some((part) => part === '' || part === '.' || part === '..') ? '' : prefix;
}
