import { createCipheriv } from 'node:crypto';
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteRange, Entry, ManifestRef, ObjectReader, SegmentRef } from '@waybill/core';
import { createManifestFiles, createManifestTexts, createSegmentFiles } from '../src/index.ts';

const FRAME_ROWS = 1_000;
const FOLDER_FILES = 1_000;
const DIGEST_BYTES = 16;

/** A local file as stores hand it out; opened for each range, as a store does without a cache of descriptors. */
export class FileObject implements ObjectReader {
  readonly name: string;
  readonly sizeBytes: number;

  constructor(path: string, sizeBytes: number) {
    this.name = path;
    this.sizeBytes = sizeBytes;
  }

  async readRange({ offset, length }: ByteRange): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    const descriptor = openSync(this.name, 'r');
    const count = readSync(descriptor, bytes, 0, length, offset);
    closeSync(descriptor);
    if (count !== length) throw new Error(`${this.name} gave ${count} of ${length} bytes`);
    return bytes;
  }
}

/** Stored files as a dataset has them, the same in every run; digests are as random as real ones. */
export function makeEntries(count: number): Entry[] {
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16)).update(
    Buffer.alloc(count * DIGEST_BYTES),
  );
  return Array.from({ length: count }, (_, index) => {
    const folder = String(Math.floor(index / FOLDER_FILES)).padStart(5, '0');
    return {
      path: `data/train/${folder}/image-${String(index).padStart(9, '0')}.jpg`,
      digest: noise.toString('base64', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
      sizeBytes: noise.readUInt16LE(index * DIGEST_BYTES) * 3,
    };
  });
}

/** The same with one entry in a hundred changed, one removed and one added. */
export function changeEntries(entries: readonly Entry[]): Entry[] {
  return entries.flatMap((entry, index) => {
    if (index % 100 === 17) return [{ ...entry, digest: entries[index - 1]?.digest ?? '' }];
    if (index % 100 === 42) return [];
    if (index % 100 === 71) return [entry, { ...entry, path: `${entry.path}.new` }];
    return [entry];
  });
}

export async function* inBlocks(entries: readonly Entry[]): AsyncGenerator<readonly Entry[]> {
  for (let from = 0; from < entries.length; from += FRAME_ROWS) yield entries.slice(from, from + FRAME_ROWS);
}

export async function writeManifest(entries: readonly Entry[], path: string): Promise<ManifestRef> {
  const descriptor = openSync(path, 'w');
  const encoding = createManifestFiles().encodeManifest(inBlocks(entries));
  for await (const chunk of encoding.chunks) writeSync(descriptor, chunk);
  closeSync(descriptor);
  return { key: path, ...encoding.finish() };
}

export async function writeWandbJson(entries: readonly Entry[], path: string): Promise<void> {
  const descriptor = openSync(path, 'w');
  const options = { versionId: 'QXJ0aWZhY3Q6MQ==', digestAlgorithm: 'MD5' } as const;
  for await (const chunk of createManifestTexts().encodeWandbJson(inBlocks(entries), options)) {
    writeSync(descriptor, chunk);
  }
  closeSync(descriptor);
}

/** Disjoint segments, and the same rows as one sorted text file for each. */
export function writeSegments(
  entries: readonly Entry[],
  target: { folder: string; count: number },
): { refs: SegmentRef[]; textPaths: string[] } {
  const files = createSegmentFiles();
  const perSegment = Math.ceil(entries.length / target.count);
  const refs: SegmentRef[] = [];
  const textPaths: string[] = [];
  for (let from = 0; from < entries.length; from += perSegment) {
    const rows = entries.slice(from, from + perSegment);
    const frames = [];
    for (let row = 0; row < rows.length; row += FRAME_ROWS) {
      frames.push(files.encodeFrame(rows.slice(row, row + FRAME_ROWS)));
    }
    const bytes = Buffer.concat(files.encodeSegment({ layer: 1, sourceIndex: 0, frames }));
    const key = join(target.folder, `${from}.segment`);
    writeFileSync(key, bytes);
    refs.push({
      key,
      layer: 1,
      sourceIndex: 0,
      entryCount: rows.length,
      sizeBytes: bytes.length,
      firstPath: rows[0]?.path ?? '',
      lastPath: rows.at(-1)?.path ?? '',
    });
    const textPath = join(target.folder, `${from}.tsv`);
    writeFileSync(textPath, rows.map((row) => `${row.path}\t${row.digest}\t${row.sizeBytes}\n`).join(''));
    textPaths.push(textPath);
  }
  return { refs, textPaths };
}
