import type { ManifestFiles } from '@waybill/core';
import { encodeManifest } from './manifest-encoding.ts';
import { openManifest } from './manifest-reader.ts';

/** Manifests as `docs/formats/manifest.md` has them. */
export function createManifestFiles(): ManifestFiles {
  return { encodeManifest, openManifest };
}
