import {
  ArtifactError,
  decodePackFooter,
  type ObjectInfo,
  PACK_ADVICE,
  PACK_TRAILER_BYTES,
  type PackFooter,
  packFooterBytes,
} from '@waybill/core';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';

/**
 * Reads and verifies a pack's list of its blobs.
 * @throws ArtifactError `CORRUPT`, `MISSING_BLOB`, `IO`
 */
export async function readPackFooter(
  ports: Pick<OperationPorts, 'store' | 'digests'>,
  pack: ObjectInfo,
  options: OperationOptions,
): Promise<PackFooter> {
  const { key, sizeBytes } = pack;
  const tail = (length: number) => {
    if (length > sizeBytes) throw wrongLength(pack, `too short (${sizeBytes} bytes) for its list of blobs`);
    return ports.store.readRange(key, { offset: sizeBytes - length, length }, options);
  };
  const length = packFooterBytes(await tail(PACK_TRAILER_BYTES), key);
  const footer = decodePackFooter(await tail(length), { key, crc32: (bytes) => ports.digests.crc32(bytes) });
  if (footer.blobBytes + length !== sizeBytes) {
    throw wrongLength(pack, `${sizeBytes} bytes long instead of ${footer.blobBytes + length}`);
  }
  return footer;
}

function wrongLength(pack: ObjectInfo, problem: string): ArtifactError {
  return new ArtifactError('CORRUPT', `pack ${pack.key} is ${problem}; ${PACK_ADVICE}`, {
    details: { subject: pack.key },
  });
}
