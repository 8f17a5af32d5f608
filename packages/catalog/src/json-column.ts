import { ArtifactError } from '@waybill/core';

/**
 * Reads a column the catalog itself wrote as JSON. The type is what was written: nobody else writes there.
 *
 * @throws ArtifactError `CORRUPT` naming the column
 */
export function readJson<T>(text: string, column: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new ArtifactError(
      'CORRUPT',
      `the catalog holds damaged JSON in ${column}; restore it from a backup`,
      {
        cause,
        details: { subject: column },
      },
    );
  }
}
