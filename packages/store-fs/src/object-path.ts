import { ArtifactError, type ObjectKey } from '@waybill/core';

const KEY = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)+$/;
const PREFIX = /^(?:[A-Za-z0-9_.-]+\/)*[A-Za-z0-9_.-]*$/;
const DOTS = /(?:^|\/)\.{1,2}(?:\/|$)/;

/** Whether a path below the store's folder is the key of an object. Files at its top are the store's own. */
export function isObjectKey(path: string): boolean {
  return KEY.test(path) && !DOTS.test(path);
}

/**
 * Where an object lies.
 *
 * @throws ArtifactError `INVALID_ARGUMENT` for what is no key, such as one that climbs with `..`
 */
export function objectPath(folder: string, key: ObjectKey): string {
  if (!isObjectKey(key)) throw badKey(key, 'an object key');
  return `${folder}/${key}`;
}

/** @throws ArtifactError `INVALID_ARGUMENT` for what no key begins with */
export function assertKeyPrefix(prefix: string): void {
  if (!PREFIX.test(prefix) || DOTS.test(prefix)) throw badKey(prefix, 'the beginning of object keys');
}

function badKey(key: string, wanted: string): ArtifactError {
  return new ArtifactError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(key)} is not ${wanted}; use parts of A-Z a-z 0-9 _ . - joined by "/", none of them "." or ".."`,
    { details: { subject: key } },
  );
}
