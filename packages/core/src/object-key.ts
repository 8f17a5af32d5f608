import { ArtifactError } from './errors.ts';
import type { ObjectKey } from './store-keys.ts';

const KEY = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)+$/;
const PREFIX = /^(?:[A-Za-z0-9_.-]+\/)*[A-Za-z0-9_.-]*$/;
const DOTS = /(?:^|\/)\.{1,2}(?:\/|$)/;

/** Whether a name below a store's top is the key of an object. Names at its top are the store's own. */
export function isObjectKey(name: string): boolean {
  return KEY.test(name) && !DOTS.test(name);
}

/** @throws ArtifactError `INVALID_ARGUMENT` for what is no key, such as one that climbs with `..` */
export function assertObjectKey(key: ObjectKey): void {
  if (!isObjectKey(key)) throw badKey(key, 'an object key');
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
