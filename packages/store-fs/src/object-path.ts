import { assertObjectKey, type ObjectKey } from '@waybill/core';

/**
 * Where an object lies.
 *
 * @throws ArtifactError `INVALID_ARGUMENT` for what is no key, such as one that climbs with `..`
 */
export function objectPath(folder: string, key: ObjectKey): string {
  assertObjectKey(key);
  return `${folder}/${key}`;
}
