import { ArtifactError, compareUtf8 } from '@waybill/core';
import { type ListedObject, type ListPage, parseListPage } from './list-page.ts';
import type { S3Client } from './s3-client.ts';
import { brokenAnswer } from './s3-failure.ts';
import type { Query } from './uri-encoding.ts';

interface Listing {
  /** Beginning of keys, below the store's prefix. */
  readonly prefix: string;
  readonly signal: AbortSignal | undefined;
}

/** ListObjectsV2, page by page: keys below the store's prefix in byte order. */
export async function* listBucket(client: S3Client, listing: Listing): AsyncGenerator<ListedObject> {
  const top = client.location.prefix;
  let page: ListPage | undefined;
  let last: string | undefined;
  do {
    page = await listPage(client, listing, nextOf(page, last));
    for (const object of page.objects) {
      if (last !== undefined && compareUtf8(object.key, last) <= 0) throw outOfOrder(client, object.key);
      last = object.key;
      yield { ...object, key: object.key.slice(top.length) };
    }
  } while (page.isTruncated);
}

/** Servers that give no token are asked for what comes behind the last key. */
function nextOf(page: ListPage | undefined, last: string | undefined): Query {
  if (page?.continuationToken !== undefined) return [['continuation-token', page.continuationToken]];
  return last === undefined ? [] : [['start-after', last]];
}

async function listPage(client: S3Client, listing: Listing, next: Query): Promise<ListPage> {
  const request = {
    operation: `list what begins with ${JSON.stringify(listing.prefix)}`,
    method: 'GET',
    signal: listing.signal,
    query: [
      ['list-type', '2'],
      ['encoding-type', 'url'],
      ['prefix', client.location.prefix + listing.prefix],
      ...next,
    ],
  } as const;
  return client.send(request, async ({ body }) => {
    const page = parseListPage(await body.text());
    if (page === undefined) throw brokenAnswer('the answer is no list of objects');
    if (page.isTruncated && page.objects.length === 0 && page.continuationToken === undefined) {
      throw brokenAnswer('the answer says that there is more, but not where');
    }
    return page;
  });
}

function outOfOrder(client: S3Client, key: string): ArtifactError {
  return new ArtifactError(
    'UNSUPPORTED',
    `the server lists ${client.store} in another order than that of bytes; use a general purpose bucket`,
    { details: { subject: key } },
  );
}
