import { ArtifactError, quotePath, type SourceFile, type SourceFiles } from '@waybill/core';

/**
 * Opens the local file a reference names.
 * @throws ArtifactError `SOURCE_NOT_FOUND`, `SOURCE_UNREADABLE`
 */
export function openReference(ports: { readonly files: SourceFiles }, path: string): SourceFile {
  try {
    return ports.files.open(path);
  } catch (error) {
    // To an ingest a file that is gone has changed since it was listed; nobody has listed this one.
    if (ports.files.stat(path) !== undefined) throw error;
    throw new ArtifactError(
      'SOURCE_NOT_FOUND',
      `the file it refers to, ${quotePath(path)}, does not exist; restore it or put a new version`,
      { cause: error, details: { subject: path } },
    );
  }
}
