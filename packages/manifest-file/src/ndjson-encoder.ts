import { type CallOptions, type Entry, throwIfCancelled } from '@waybill/core';

/** See `ManifestTexts.encodeNdjson`. `extra` is JSON itself, not JSON inside a text. Absent columns are left out. */
export async function* encodeNdjson(
  blocks: AsyncIterable<readonly Entry[]>,
  options: CallOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const block of blocks) {
    throwIfCancelled(options.signal);
    let text = '';
    for (const entry of block) {
      const row = {
        path: entry.path,
        digest: entry.digest,
        size: entry.sizeBytes,
        ref: entry.ref,
        extra: entry.extra,
        birth_artifact_id: entry.birthArtifactId,
        sha256: entry.sha256,
      };
      text += `${JSON.stringify(row)}\n`;
    }
    if (text !== '') yield Buffer.from(text);
  }
}
