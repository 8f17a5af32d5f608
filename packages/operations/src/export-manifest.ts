import { ArtifactError, encodeVersionId, type VersionRecord, type VersionRef } from '@waybill/core';
import {
  adviceFor,
  openManifest,
  scanVersion,
  type VersionManifest,
  verifyManifest,
} from './manifest-scan.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { resolveVersion, versionName } from './resolve-version.ts';
import type { ManifestFormat } from './results.ts';

/**
 * A version's manifest as bytes, streaming. `parquet` is the stored object as it is, read through once before its first
 * byte leaves; the text formats are verified while they leave and end in `CORRUPT` when the manifest is wrong.
 *
 * @throws ArtifactError `NOT_FOUND`, `CORRUPT`, `MISSING_BLOB`
 */
export async function* exportManifest(
  ports: OperationPorts,
  request: { ref: VersionRef; format: ManifestFormat },
  options: OperationOptions = {},
): AsyncGenerator<Uint8Array> {
  const version = await resolveVersion(ports, request.ref, options);
  const manifest = await openManifest(ports, version, options);
  switch (request.format) {
    case 'parquet':
      yield* storedManifest(ports, manifest, options);
      return;
    case 'ndjson':
      yield* ports.texts.encodeNdjson(scanVersion(ports, manifest, options), options);
      return;
    case 'wandb-json': {
      const { digestAlgorithm } = version;
      const versionId = encodeVersionId(version.versionId);
      const blocks = scanVersion(ports, manifest, options);
      yield* ports.texts.encodeWandbJson(blocks, { versionId, digestAlgorithm, ...options });
      return;
    }
    default:
      request.format satisfies never;
  }
}

async function* storedManifest(
  ports: OperationPorts,
  manifest: VersionManifest,
  options: OperationOptions,
): AsyncGenerator<Uint8Array> {
  await verifyManifest(ports, manifest, options);
  const { key, sizeBytes, footerBytes, footerCrc32 } = manifest.version.manifest;
  const footer = new Uint8Array(footerBytes);
  const footerStart = sizeBytes - footerBytes;
  let position = 0;
  for await (const chunk of ports.store.readStream(key, options)) {
    const end = position + chunk.length;
    if (end > sizeBytes) throw changed(manifest.version, `is longer than ${sizeBytes} bytes`);
    if (end > footerStart) {
      const skip = Math.max(0, footerStart - position);
      footer.set(chunk.subarray(skip), position + skip - footerStart);
    }
    position = end;
    yield chunk;
  }
  if (position !== sizeBytes) throw changed(manifest.version, `has ${position} of ${sizeBytes} bytes`);
  if (ports.digests.crc32(footer) !== footerCrc32) throw changed(manifest.version, 'has a wrong checksum');
}

function changed(version: VersionRecord, problem: string): ArtifactError {
  return new ArtifactError(
    'CORRUPT',
    `the stored manifest ${version.manifest.key} of ${versionName(version)} ${problem}; do not use what was written; ${adviceFor(version)}`,
    { details: { subject: versionName(version), key: version.manifest.key } },
  );
}
