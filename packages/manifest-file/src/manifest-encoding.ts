import { type CallOptions, type Entry, type ManifestEncoding, throwIfCancelled } from '@waybill/core';
import { ManifestWriter } from './manifest-writer.ts';

/** See `ManifestFiles.encodeManifest`. */
export function encodeManifest(
  blocks: AsyncIterable<readonly Entry[]>,
  options: CallOptions = {},
): ManifestEncoding {
  const writer = new ManifestWriter();
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const block of blocks) {
      throwIfCancelled(options.signal);
      yield* writer.add(block);
    }
    throwIfCancelled(options.signal);
    yield* writer.end();
  }
  return { chunks: chunks(), finish: () => writer.footer };
}
