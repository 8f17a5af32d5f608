import { crc32 } from 'node:zlib';
import {
  ArtifactError,
  compareUtf8,
  type Entry,
  type ExternalSort,
  type ManifestFiles,
  type ManifestReader,
  type ManifestTexts,
} from '@waybill/core';

/** Rows of one block: small, so that every path through block borders is taken. */
const BLOCK_ROWS = 3;

export function encodeMemoryManifest(entries: readonly Entry[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(entries));
}

/** Manifests as JSON, checksummed as a whole. Counts the blocks it reads. */
export class MemoryManifests implements ManifestFiles {
  blocksRead = 0;

  encodeManifest(): never {
    throw new ArtifactError('UNSUPPORTED', 'manifests are encoded by encodeMemoryManifest');
  }

  async openManifest(...[reader, ref]: Parameters<ManifestFiles['openManifest']>): Promise<ManifestReader> {
    const bytes = await reader.readRange({ offset: 0, length: ref.sizeBytes });
    if (crc32(bytes) !== ref.footerCrc32) throw new ArtifactError('CORRUPT', `${reader.name} is damaged`);
    const entries = JSON.parse(new TextDecoder().decode(bytes)) as Entry[];
    return {
      entryCount: entries.length,
      lookup: (path) => Promise.resolve(entries.find((entry) => entry.path === path)),
      scan: (range) => this.#scan(entries, range ?? {}),
    };
  }

  async *#scan(
    entries: readonly Entry[],
    { from = '', prefix = '' }: { from?: string; prefix?: string },
  ): AsyncGenerator<readonly Entry[]> {
    const start = entries.findIndex(
      ({ path }) => compareUtf8(path, from) >= 0 && compareUtf8(path, prefix) >= 0,
    );
    for (let at = start < 0 ? entries.length : start; at < entries.length; ) {
      // Blocks lie at fixed places, as row groups do.
      const end = at - (at % BLOCK_ROWS) + BLOCK_ROWS;
      const block = entries.slice(at, end);
      const rows = block.filter(({ path }) => path.startsWith(prefix));
      this.blocksRead++;
      if (rows.length > 0) yield await Promise.resolve(rows);
      if (rows.length < block.length) return;
      at = end;
    }
  }
}

export const memorySort: ExternalSort = {
  async *sort(records) {
    const all = (await Array.fromAsync(records)).flat();
    all.sort((a, b) => compareUtf8(a.key, b.key));
    for (let start = 0; start < all.length; start += BLOCK_ROWS) yield all.slice(start, start + BLOCK_ROWS);
  },
};

export const memoryTexts: ManifestTexts = {
  async *encodeWandbJson(blocks, { versionId }) {
    yield new TextEncoder().encode(`${versionId}\n`);
    for await (const block of blocks)
      yield new TextEncoder().encode(block.map(({ path }) => `${path}\n`).join(''));
  },
  decodeWandbJson: () => {
    throw new ArtifactError('UNSUPPORTED', 'not decoded here');
  },
  async *encodeNdjson(blocks) {
    for await (const block of blocks) {
      yield new TextEncoder().encode(block.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    }
  },
};
