import { crc32 } from 'node:zlib';
import {
  ArtifactError,
  type BlobRows,
  compareUtf8,
  type DigestAlgorithm,
  digestToHex,
  type Entry,
  encodePackFooter,
  storeKeys,
  type VersionRecord,
  type VersionRef,
} from '@waybill/core';
import { digestOf } from './memory-digests.ts';
import { encodeMemoryManifest } from './memory-manifests.ts';
import { ARENA_BYTES, type MemoryPorts } from './memory-ports.ts';

export const ENTITY = 'team';
const PROJECT = 'project';

/** Content of an entry: stored bytes, or a reference. */
export type Content =
  | Uint8Array
  | { readonly ref: string; readonly digest: string; readonly sizeBytes?: number };

export type Tree = ReadonlyMap<string, Content>;

export interface PutOptions {
  readonly name?: string;
  readonly algorithm?: DigestAlgorithm;
  /** Blobs of one pack. */
  readonly packBlobs?: number;
  readonly aliases?: readonly string[];
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function refTo(name: string, alias = 'latest'): VersionRef {
  return { entity: ENTITY, project: PROJECT, name, alias };
}

export function treeOf(files: Record<string, string | Content>): Tree {
  return new Map(
    Object.entries(files).map(([path, content]) => [
      path,
      typeof content === 'string' ? bytesOf(content) : content,
    ]),
  );
}

/** An ingest as the pipeline runs it, reduced to its effects on store and catalog. */
export class MemoryIngest {
  readonly ingestId: string;
  readonly #ports: MemoryPorts;
  readonly #options: Required<PutOptions>;

  constructor(ports: MemoryPorts, options: PutOptions = {}) {
    const { catalog } = ports.memory;
    this.#ports = ports;
    this.#options = { name: 'data', algorithm: 'MD5', packBlobs: 4, aliases: [], ...options };
    this.ingestId = `i${catalog.nextId()}`;
    catalog.ingests.set(this.ingestId, {
      ingestId: this.ingestId,
      sequence: catalog.nextId(),
      openedTick: catalog.tick,
      artifact: { entity: ENTITY, project: PROJECT, name: this.#options.name },
      type: 'dataset',
      digestAlgorithm: this.#options.algorithm,
      aliases: this.#options.aliases,
      description: undefined,
      metadata: undefined,
      sources: [],
      options: {
        include: [],
        exclude: [],
        followLinks: true,
        strict: false,
        useStatCache: false,
        reuse: 'never',
      },
      fingerprint: '',
      state: 'RUNNING',
      fence: 1,
      stats: {
        shards: 0,
        shardsDone: 0,
        files: 0,
        bytes: 0,
        filesHashed: 0,
        bytesHashed: 0,
        blobsStored: 0,
        bytesStored: 0,
      },
      error: undefined,
      versionId: undefined,
      createdAtMs: 0,
      updatedAtMs: 0,
    });
  }

  /** Stores what is not stored yet. */
  async store(contents: Iterable<Uint8Array>): Promise<void> {
    const { algorithm, packBlobs } = this.#options;
    const distinct = new Map<string, Uint8Array>();
    for (const content of contents) distinct.set(digestOf(content, algorithm).toHex(), content);
    const digests = Uint8Array.fromHex([...distinct.keys()].join(''));
    const present = await this.#ports.index.markUsed({ entity: ENTITY, algorithm, digests });
    const missing = [...distinct].filter((_, index) => present[index] === 0);
    const small = missing.filter(([, content]) => content.length < ARENA_BYTES * 2);
    for (const [hex, content] of missing) {
      if (content.length >= ARENA_BYTES * 2) await this.#storeObject(hex, content);
    }
    for (let start = 0; start < small.length; start += packBlobs) {
      await this.#storePack(small.slice(start, start + packBlobs));
    }
  }

  /** Commits a version whose contents were stored. */
  async commit(tree: Tree): Promise<VersionRecord> {
    const { algorithm, name, aliases } = this.#options;
    const { catalog, store } = this.#ports.memory;
    const entries = entriesOf(tree, algorithm);
    const bytes = encodeMemoryManifest(entries);
    const key = storeKeys.manifest(ENTITY, { ingestId: this.ingestId, fence: 1 });
    await store.writeObject(key, [bytes]);
    const lines = entries.map(({ path, digest }) => `${path}:${digest}\n`).join('');
    const artifact = ensureArtifact(this.#ports, name, algorithm);
    const index = catalog.versions.filter((version) => version.artifactId === artifact.artifactId).length;
    const version = {
      ...artifact,
      versionId: catalog.nextId(),
      index,
      state: 'COMMITTED' as const,
      digest: digestToHex(digestOf(`wandb-artifact-manifest-v1\n${lines}`, algorithm)),
      digestAlgorithm: algorithm,
      description: undefined,
      metadata: {},
      entryCount: entries.length,
      sizeBytes: entries.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
      aliases: [],
      manifest: { key, sizeBytes: bytes.length, footerBytes: bytes.length, footerCrc32: crc32(bytes) },
      ingestId: this.ingestId,
      sources: [],
      leftOutCount: 0,
      createdAtMs: 0,
      updatedAtMs: 0,
      deletedTick: 0,
    };
    catalog.versions.push(version);
    catalog.setIngestState(this.ingestId, 'COMMITTED');
    return catalog.addAliases(version.versionId, ['latest', ...aliases]);
  }

  /** Leaves something in staging, as every ingest does on its way. */
  async stage(): Promise<void> {
    await this.#ports.store.writeObject(`${storeKeys.staging(ENTITY, this.ingestId)}list-1`, [
      bytesOf('names'),
    ]);
  }

  async #storePack(blobs: readonly (readonly [string, Uint8Array])[]): Promise<void> {
    const { algorithm } = this.#options;
    let blobBytes = 0;
    const offsets = blobs.map(([, content]) => {
      blobBytes += content.length;
      return blobBytes - content.length;
    });
    const rows: BlobRows = {
      digests: Uint8Array.fromHex(blobs.map(([hex]) => hex).join('')),
      offsets: Float64Array.from(offsets),
      lengths: Float64Array.from(blobs, ([, content]) => content.length),
    };
    const footer = encodePackFooter({ algorithm, blobs: rows, blobBytes }, crc32);
    const key = storeKeys.pack(ENTITY, this.#ports.random.uniqueName());
    const chunks = [...blobs.map(([, content]) => content), footer];
    await this.#storeAs({ key, kind: 'pack', chunks, rows });
  }

  async #storeObject(hex: string, content: Uint8Array): Promise<void> {
    const { algorithm } = this.#options;
    const key = storeKeys.blob(ENTITY, { algorithm, hex, unique: this.#ports.random.uniqueName() });
    const rows: BlobRows = {
      digests: Uint8Array.fromHex(hex),
      offsets: Float64Array.of(0),
      lengths: Float64Array.of(content.length),
    };
    await this.#storeAs({ key, kind: 'blob', chunks: [content], rows });
  }

  async #storeAs(object: {
    key: string;
    kind: 'pack' | 'blob';
    chunks: Uint8Array[];
    rows: BlobRows;
  }): Promise<void> {
    const { catalog, store } = this.#ports.memory;
    const { ingestId } = this;
    const { algorithm } = this.#options;
    const objectId = await catalog.announceObject({ ...object, entity: ENTITY, ingestId });
    await store.writeObject(object.key, object.chunks);
    const sizeBytes = object.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    await catalog.recordObject({ objectId, algorithm, sizeBytes, blobs: object.rows });
  }
}

/** Puts a tree as a new version. */
export async function put(ports: MemoryPorts, tree: Tree, options: PutOptions = {}): Promise<VersionRecord> {
  const ingest = new MemoryIngest(ports, options);
  await ingest.store(storedContents(tree));
  return ingest.commit(tree);
}

export function storedContents(tree: Tree): Uint8Array[] {
  return [...tree.values()].filter((content) => content instanceof Uint8Array);
}

export function entriesOf(tree: Tree, algorithm: DigestAlgorithm = 'MD5'): Entry[] {
  const entries = [...tree].map(([path, content]): Entry => {
    if (!(content instanceof Uint8Array)) {
      const { ref, digest, sizeBytes } = content;
      return { path, ref, digest, sizeBytes };
    }
    return { path, digest: digestOf(content, algorithm).toBase64(), sizeBytes: content.length };
  });
  return entries.sort((a, b) => compareUtf8(a.path, b.path));
}

/** The error a call ends with; fails when it does not. */
export async function errorOf(call: () => Promise<unknown>): Promise<ArtifactError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ArtifactError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

/** The paths an error lists. */
export function pathsOf(error: ArtifactError): string[] {
  return (error.details['problems'] as { path: string }[]).map(({ path }) => path);
}

function ensureArtifact(ports: MemoryPorts, name: string, digestAlgorithm: DigestAlgorithm) {
  const { catalog } = ports.memory;
  const known = catalog.artifacts.find((artifact) => artifact.name === name);
  if (known !== undefined) {
    Object.assign(known, { versionCount: known.versionCount + 1 });
    return known;
  }
  const artifact = {
    entity: ENTITY,
    project: PROJECT,
    name,
    artifactId: catalog.nextId(),
    type: 'dataset',
    digestAlgorithm,
    versionCount: 1,
    latestIndex: 0,
    createdAtMs: 0,
    updatedAtMs: 0,
  };
  catalog.artifacts.push(artifact);
  return artifact;
}
