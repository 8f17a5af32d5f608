import { crc32 } from 'node:zlib';
import { type BlobStore, type Digests, decodeNames, encodeNames } from '@waybill/core';
import { expect, it } from 'vitest';
import { readList, writeList } from '../src/list-file.ts';

/** A store of one object, in memory. */
function oneObject(): { ports: { store: BlobStore; digests: Digests }; bytes: () => Buffer } {
  let bytes = Buffer.alloc(0);
  const store: Pick<BlobStore, 'writeObject' | 'sizeOf' | 'readRange'> = {
    writeObject: async (_key, chunks) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      bytes = Buffer.concat(parts);
    },
    sizeOf: async () => bytes.length,
    readRange: async (_key, { offset, length }) => bytes.subarray(offset, offset + length),
  };
  const digests: Pick<Digests, 'crc32'> = { crc32: (data) => crc32(data) };
  return { ports: { store: store as BlobStore, digests: digests as Digests }, bytes: () => bytes };
}

it('a list has the bytes its format page says', async () => {
  const { ports, bytes } = oneObject();
  await writeList(ports, { key: 'list', names: encodeNames(['a', 'b/c', 'é']) });
  // "WBL1", crc32 of what follows as u32 LE, names in UTF-8 with NUL between them and none at the end.
  const names = Buffer.from([0x61, 0x00, 0x62, 0x2f, 0x63, 0x00, 0xc3, 0xa9]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(names));
  expect(bytes()).toEqual(Buffer.concat([Buffer.from('WBL1'), checksum, names]));
  expect(bytes().toString('hex')).toBe('57424c31e4ae80196100622f6300c3a9');
});

it('a slice of a list skips and takes names', async () => {
  const { ports } = oneObject();
  await writeList(ports, { key: 'list', names: encodeNames(['a', 'b/c', 'é']) });
  const read = async (skip: number, take: number): Promise<string[]> =>
    decodeNames(await readList(ports, { key: 'list', skip, take }));
  expect(await read(1, 1)).toEqual(['b/c']);
  expect(await read(1, 9)).toEqual(['b/c', 'é']);
  expect(await read(3, 1)).toEqual([]);
});
