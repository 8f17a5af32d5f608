import type { ManifestTexts } from '@waybill/core';
import { encodeNdjson } from './ndjson-encoder.ts';
import { decodeWandbJson } from './wandb-json-decoder.ts';
import { encodeWandbJson } from './wandb-json-encoder.ts';

/** Manifests as text: W&B's JSON in and out, one JSON object a line out. */
export function createManifestTexts(): ManifestTexts {
  return { encodeWandbJson, decodeWandbJson, encodeNdjson };
}
