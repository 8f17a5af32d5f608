import type { Entry } from './entry.ts';

/** First line of the logical digest's preimage, for every algorithm (W&B manifest version 1). */
export const MANIFEST_PREIMAGE_HEADER = 'wandb-artifact-manifest-v1\n';

/**
 * The lines of the logical digest's preimage for entries in UTF-8 byte order of their paths: `path:digest\n`,
 * nothing escaped. Size, ref, extra and metadata are outside the digest. The caller hashes the header, then
 * these lines as UTF-8, with the artifact's algorithm; the digest is lower-case hex.
 */
export function manifestPreimageLines(entries: readonly Entry[]): string {
  let lines = '';
  for (const entry of entries) lines += `${entry.path}:${entry.digest}\n`;
  return lines;
}
