import {
  ArtifactError,
  type BlobStore,
  type CallOptions,
  type Digests,
  type EncodedNames,
  type ObjectKey,
} from '@waybill/core';
import { sliceNames } from './names-codec.ts';

/** A staged list: "WBL1", crc32 of the names (u32 LE), then the names (`docs/formats/list.md`). */
const HEADER_BYTES = 8;
const MAGIC = 0x314c_4257; // "WBL1" read as a little-endian u32

interface ListPorts {
  readonly store: BlobStore;
  readonly digests: Digests;
}

/** Stages the names of one or more shards. */
export async function writeList(
  ports: ListPorts,
  list: { key: ObjectKey; names: EncodedNames } & CallOptions,
): Promise<void> {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, ports.digests.crc32(list.names), true);
  await ports.store.writeObject(list.key, [header, list.names], list);
}

/** Reads a slice of a staged list. `CORRUPT` when it is not what was written. */
export async function readList(
  ports: ListPorts,
  slice: { key: ObjectKey; skip: number; take: number } & CallOptions,
): Promise<EncodedNames> {
  const { key } = slice;
  const sizeBytes = await ports.store.sizeOf(key, slice);
  if (sizeBytes === undefined || sizeBytes < HEADER_BYTES) throw corrupt(key, 'is missing or too short');
  const bytes = await ports.store.readRange(key, { offset: 0, length: sizeBytes }, slice);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names = bytes.subarray(HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== ports.digests.crc32(names)) {
    throw corrupt(key, 'is not what was written');
  }
  return sliceNames(names, slice);
}

function corrupt(key: ObjectKey, problem: string): ArtifactError {
  return new ArtifactError(
    'CORRUPT',
    `staged list ${key} ${problem}; run the same \`waybill put\` again, which plans the ingest anew`,
    { details: { subject: key } },
  );
}
