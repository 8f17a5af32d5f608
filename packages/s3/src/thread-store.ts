import { assertObjectKey, type ObjectKey, type StoredObjectReader, type ThreadStore } from '@waybill/core';
import { readInto } from './read-object.ts';
import type { S3Client } from './s3-client.ts';
import { openS3Client, type S3Connection } from './s3-connection.ts';

/**
 * Objects of a bucket as a thread reads them. Its sockets live as long as the thread; a missing object is found by the
 * first read of it.
 */
export function createS3ThreadStore(options: S3Connection): ThreadStore {
  let client: Promise<S3Client> | undefined;
  return {
    open: async (key) => {
      assertObjectKey(key);
      client ??= openS3Client(options);
      return new S3ObjectReader(await client, key);
    },
  };
}

class S3ObjectReader implements StoredObjectReader {
  readonly #client: S3Client;
  readonly #key: ObjectKey;

  constructor(client: S3Client, key: ObjectKey) {
    this.#client = client;
    this.#key = key;
  }

  read(target: Uint8Array, offset: number): Promise<void> {
    return readInto(this.#client, { target, offset }, { key: this.#key, signal: undefined });
  }

  [Symbol.dispose](): void {
    // Nothing stays open between reads.
  }
}
