import { ArtifactError, type NameDefaults, parseVersionRef, type VersionRef } from '@waybill/core';

/**
 * Parses `NAME:VERSION` for what changes or removes a version: there, leaving the version out never means `latest`.
 * @throws ArtifactError `INVALID_ARGUMENT`, `INVALID_NAME`, `INVALID_ALIAS`
 */
export function parseExplicitVersion(text: string, defaults: NameDefaults): VersionRef {
  if (!text.includes(':')) {
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} does not say which version; write NAME:vN or NAME:ALIAS`,
    );
  }
  return parseVersionRef(text, defaults);
}
