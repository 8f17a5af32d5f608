import { ArtifactError } from './errors.ts';

/** Digest algorithm of an artifact; the names are those of the W&B API. */
export type DigestAlgorithm = 'MD5' | 'XXH128';

/** References keep digests of this one in every artifact, as W&B's do; an artifact's is that of its stored files. */
export const REFERENCE_ALGORITHM: DigestAlgorithm = 'MD5';

/** Both algorithms give 16 bytes. */
export const DIGEST_BYTES = 16;

/**
 * The digest of an entry as the manifest holds it: for stored and hashed files canonical base64 of the 16 raw
 * bytes (24 characters); for references whatever the source gives (an ETag, a URI).
 */
export type EntryDigest = string;

const CONTENT_DIGEST = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** Whether the text is canonical base64 of 16 bytes. */
export function isContentDigest(digest: EntryDigest): boolean {
  return CONTENT_DIGEST.test(digest);
}

/** Raw bytes to base64, standard alphabet, padded. */
export function digestToBase64(bytes: Uint8Array): EntryDigest {
  return bytes.toBase64();
}

/** Raw bytes to lower-case hex, as object keys and URLs have it. */
export function digestToHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** @throws ArtifactError `CORRUPT` when the text is not the base64 of 16 bytes. */
export function digestFromBase64(digest: EntryDigest): Uint8Array {
  if (!isContentDigest(digest)) {
    throw new ArtifactError(
      'CORRUPT',
      `"${digest}" is not a content digest (base64 of ${DIGEST_BYTES} bytes)`,
    );
  }
  return Uint8Array.fromBase64(digest);
}

/** Parses what `--digest` and an artifact's record may say: `md5`, `xxh128`, in any case. */
export function parseDigestAlgorithm(text: string): DigestAlgorithm {
  const upper = text.toUpperCase();
  if (upper === 'MD5' || upper === 'XXH128') return upper;
  throw new ArtifactError('INVALID_ARGUMENT', `digest algorithm "${text}" is unknown; use md5 or xxh128`);
}
