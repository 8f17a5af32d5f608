import { ArtifactError } from './errors.ts';

/**
 * Id of a version as W&B clients need it: canonical base64 of `Artifact:<n>`, because they decode it, hex-encode
 * the bytes into `wandb-artifact://` references, and encode them back.
 */
export function encodeVersionId(sequence: number): string {
  return new TextEncoder().encode(`Artifact:${sequence}`).toBase64();
}

/** @throws ArtifactError `NOT_FOUND` when the text is no version id. */
export function decodeVersionId(id: string): number {
  const match = /^Artifact:([1-9]\d{0,15})$/.exec(decodeText(id));
  const sequence = Number(match?.[1]);
  if (!Number.isSafeInteger(sequence) || encodeVersionId(sequence) !== id) {
    throw new ArtifactError('NOT_FOUND', `"${id}" is not a version id`);
  }
  return sequence;
}

function decodeText(id: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(id));
  } catch {
    return '';
  }
}
