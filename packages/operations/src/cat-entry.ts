import {
  ArtifactError,
  type BlobLocation,
  digestToBase64,
  type Entry,
  LIMITS,
  normalizeEntryPath,
  quotePath,
  type VersionRecord,
  type VersionRef,
} from '@waybill/core';
import { algorithmOf, locateEntries } from './blob-lookup.ts';
import { Channel } from './channel.ts';
import { isComparable } from './compare-entries.ts';
import { localPathOf } from './file-reference.ts';
import { lookupEntry, openManifest } from './manifest-scan.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { resolveVersion, versionName } from './resolve-version.ts';
import type { CatResult } from './results.ts';

/** Up to this size an entry is verified before its first byte leaves. */
const BUFFERED_BYTES = LIMITS.largeFileBytes;

interface EntryOf {
  readonly version: VersionRecord;
  readonly entry: Entry;
}

/**
 * One entry's bytes. Below 4 MiB they are verified before the first leaves; larger ones are verified while they leave,
 * the last chunk held back: when the content is wrong, reading throws `CORRUPT` (`SOURCE_CHANGED` for a reference) and
 * what came before is not to be used.
 *
 * @throws ArtifactError `NOT_FOUND`, `INVALID_PATH`, `MISSING_BLOB`, `CORRUPT`; `UNSUPPORTED` for a reference to other
 * places than local files
 */
export async function catEntry(
  ports: OperationPorts,
  request: { ref: VersionRef; path: string },
  options: OperationOptions = {},
): Promise<CatResult> {
  const version = await resolveVersion(ports, request.ref, options);
  const manifest = await openManifest(ports, version, options);
  const path = normalizeEntryPath(request.path);
  const entry = await lookupEntry(manifest, path, options);
  if (entry === undefined) throw notAnEntry(version, path);
  const chunks = await contentOf(ports, { version, entry }, options);
  return { version, entry, chunks: verified(ports, { version, entry, chunks }) };
}

async function contentOf(
  ports: OperationPorts,
  of: EntryOf,
  options: OperationOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const { version, entry } = of;
  if (entry.ref !== undefined) {
    const source = localPathOf(entry.ref);
    if (source === undefined || !isComparable(entry)) throw unfetchable(of);
    return readReference(ports, source, options);
  }
  const location = await locate(ports, of, options);
  if (entry.sizeBytes !== undefined && location.length !== entry.sizeBytes) {
    const problem = `has ${location.length} bytes in the store instead of ${entry.sizeBytes}`;
    throw wrongContent({ version, entry, problem });
  }
  return storedChunks(ports, { ...of, location }, options);
}

async function locate(ports: OperationPorts, of: EntryOf, options: OperationOptions): Promise<BlobLocation> {
  const { version, entry } = of;
  const found = await locateEntries(ports, { version, entries: [entry] }, options);
  const location = found.get(entry.digest);
  if (location !== undefined) return location;
  throw new ArtifactError(
    'MISSING_BLOB',
    `the content of ${describe(of)} is not in the store; run \`waybill store check\`, then \`put\` the file again`,
    { details: { subject: versionName(version), path: entry.path } },
  );
}

/** The stored bytes; when gc moves them on the way, the rest from where they are then. */
async function* storedChunks(
  ports: OperationPorts,
  of: EntryOf & { location: BlobLocation },
  options: OperationOptions,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  try {
    for await (const chunk of rangeOf(ports, of.location, options)) {
      sent += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof ArtifactError) || error.code !== 'MISSING_BLOB') throw error;
    const now = await locate(ports, of, options);
    yield* rangeOf(ports, { ...now, offset: now.offset + sent, length: now.length - sent }, options);
  }
}

async function* rangeOf(
  ports: OperationPorts,
  location: BlobLocation,
  options: OperationOptions,
): AsyncGenerator<Uint8Array> {
  const { key, offset, length } = location;
  if (length === 0) return;
  yield* ports.store.readStream(key, { range: { offset, length }, ...options });
}

/** A local file's bytes, read by a thread, a chunk at a time. */
async function* readReference(
  ports: OperationPorts,
  path: string,
  options: OperationOptions,
): AsyncGenerator<Uint8Array> {
  await using chunks = new Channel<Uint8Array>();
  await using reading = new ReferenceReading(ports, { path, chunks }, options);
  yield* chunks;
  await reading.finished();
}

/** The task under way; disposed before it is finished, it is stopped. */
class ReferenceReading implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #chunks: Channel<Uint8Array>;
  readonly #task: Promise<unknown>;

  constructor(
    ports: Pick<OperationPorts, 'pool'>,
    target: { path: string; chunks: Channel<Uint8Array> },
    options: OperationOptions,
  ) {
    const { path, chunks } = target;
    this.#chunks = chunks;
    const own = this.#controller.signal;
    const signal = options.signal === undefined ? own : AbortSignal.any([options.signal, own]);
    const answer = async ({ bytes }: { bytes: Uint8Array }) => {
      await chunks.push(bytes);
      return { kind: 'next' } as const;
    };
    this.#task = ports.pool.run('readReference', { path }, { signal, answer }).finally(() => chunks.close());
    // Seen by whoever waits for the end.
    this.#task.catch(() => undefined);
  }

  async finished(): Promise<void> {
    await this.#task;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    // The task may be waiting for a chunk to be taken.
    this.#chunks.close();
    await this.#task.catch(() => undefined);
  }
}

async function* verified(
  ports: Pick<OperationPorts, 'digests'>,
  content: EntryOf & { chunks: AsyncIterable<Uint8Array> },
): AsyncGenerator<Uint8Array> {
  const { version, entry } = content;
  const digest = ports.digests.createDigest(algorithmOf(version, entry));
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let bytes = 0;
  for await (const chunk of content.chunks) {
    digest.update(chunk);
    bytes += chunk.length;
    // Past the buffer all but the newest chunk leave, so that a wrong content is never complete.
    if (heldBytes + chunk.length > BUFFERED_BYTES) {
      yield* held;
      held = [];
      heldBytes = 0;
    }
    held.push(chunk);
    heldBytes += chunk.length;
  }
  const found = digestToBase64(digest.digest());
  if (found !== entry.digest) {
    const problem = `is wrong: expected digest ${entry.digest}, found ${found} in ${bytes} bytes`;
    throw wrongContent({ version, entry, problem });
  }
  yield* held;
}

function wrongContent(wrong: EntryOf & { problem: string }): ArtifactError {
  const { version, entry, problem } = wrong;
  const details = { subject: versionName(version), path: entry.path };
  if (entry.ref === undefined) {
    const advice = 'do not use what was written, run `waybill store check`';
    return new ArtifactError('CORRUPT', `the content of ${describe(wrong)} ${problem}; ${advice}`, {
      details,
    });
  }
  const advice = 'do not use what was written, restore the file or put a new version';
  return new ArtifactError(
    'SOURCE_CHANGED',
    `${entry.ref}, which ${describe(wrong)} refers to, ${problem}; ${advice}`,
    { details },
  );
}

function unfetchable(of: EntryOf): ArtifactError {
  return new ArtifactError(
    'UNSUPPORTED',
    `${describe(of)} is a reference to ${of.entry.ref}, which only a client of that place can fetch`,
    { details: { subject: versionName(of.version), path: of.entry.path } },
  );
}

function notAnEntry(version: VersionRecord, path: string): ArtifactError {
  return new ArtifactError(
    'NOT_FOUND',
    `${versionName(version)} has no entry ${quotePath(path)}; \`waybill ls ${versionName(version)}\` lists its entries`,
    { details: { subject: versionName(version), path } },
  );
}

function describe({ version, entry }: EntryOf): string {
  return `${quotePath(entry.path)} of ${versionName(version)}`;
}
