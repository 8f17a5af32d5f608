import { ArtifactError, type Random, throwIfCancelled } from '@waybill/core';
import { pause } from './backoff.ts';
import { bytesSource } from './byte-source.ts';
import { listBucket } from './list-bucket.ts';
import type { ListedObject } from './list-page.ts';
import { deleteObject, putObject } from './object-requests.ts';
import { readStream } from './read-object.ts';
import type { S3Client } from './s3-client.ts';

/** Beginning of the names, at the top of a store, of objects that say whose it is. No key begins with it. */
const CLAIM_PREFIX = 'waybill-store.';
/** Version of the store's layout. */
const STORE_FORMAT = 1;
/**
 * Between writing a claim and believing it. Longer than the resolution of the server's times (a second) and than what
 * a small request takes from a list that was empty.
 */
const SETTLE_MS = 2_000;

interface Claim {
  readonly format: number;
  readonly catalogId: string;
}

/**
 * Binds a store to a catalog without conditional writes. Who finds no claim writes one under a name of its own, waits,
 * and lists again: the smallest (time of the server, name) wins, and whoever lost removes its own. Who finds a claim
 * writes none. A claim that another's list could not show yet was written before that list, and shows in the one
 * behind the wait; a claim written behind that one has a later time. Should a writer sleep through all of that, or the
 * server's clocks differ by more than the wait, both may begin to use the store, but the next time they are opened
 * they see the same claims and only one is still its owner.
 *
 * @throws ArtifactError `TOO_NEW` for a layout of a newer version; `CORRUPT` for a claim that says nothing
 */
export async function claimStore(
  client: S3Client,
  options: { catalogId: string; random: Random; signal: AbortSignal | undefined },
): Promise<string> {
  const { signal, catalogId } = options;
  throwIfCancelled(signal);
  const found = await firstClaim(client, signal);
  if (found !== undefined) return readClaim(client, found.key, signal);
  const name = `${CLAIM_PREFIX}${options.random.uniqueName()}.json`;
  const text = `${JSON.stringify({ format: STORE_FORMAT, catalogId } satisfies Claim)}\n`;
  await putObject(client, bytesSource(Buffer.from(text)), { key: name, signal });
  await pause(SETTLE_MS, signal);
  const winner = await firstClaim(client, signal);
  if (winner === undefined || winner.key === name) return catalogId;
  await deleteObject(client, { key: name, signal });
  return readClaim(client, winner.key, signal);
}

async function firstClaim(
  client: S3Client,
  signal: AbortSignal | undefined,
): Promise<ListedObject | undefined> {
  let first: ListedObject | undefined;
  for await (const object of listBucket(client, { prefix: CLAIM_PREFIX, signal })) {
    // Names come in order, so of two with the same time the first one stays.
    if (first === undefined || timeOf(object) < timeOf(first)) first = object;
  }
  return first;
}

function timeOf(object: ListedObject): number {
  return Date.parse(object.modifiedAt);
}

async function readClaim(client: S3Client, key: string, signal: AbortSignal | undefined): Promise<string> {
  const chunks = await Array.fromAsync(readStream(client, { key, range: undefined, signal }));
  const claim = parseClaim(Buffer.concat(chunks).toString('utf8'));
  if (claim === undefined) {
    throw new ArtifactError(
      'CORRUPT',
      `${key} in ${client.store} does not say which catalog the store belongs to; restore it, or remove it if only one catalog uses the store`,
      { details: { subject: key } },
    );
  }
  if (claim.format > STORE_FORMAT) {
    throw new ArtifactError(
      'TOO_NEW',
      `the store ${client.store} has format ${claim.format}, this waybill knows ${STORE_FORMAT}; use a newer waybill`,
      { details: { subject: client.store } },
    );
  }
  return claim.catalogId;
}

function parseClaim(text: string): Claim | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('format' in value)) return undefined;
  const { format } = value;
  if (typeof format !== 'number' || !Number.isInteger(format)) return undefined;
  // A newer format may hold anything else.
  if (format > STORE_FORMAT) return { format, catalogId: '' };
  if (!('catalogId' in value) || typeof value.catalogId !== 'string') return undefined;
  return { format, catalogId: value.catalogId };
}
