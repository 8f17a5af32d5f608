import { type FileHandle, open } from 'node:fs/promises';
import { type CallOptions, type ObjectKey, throwIfCancelled } from '@waybill/core';
import { type ByteSource, bytesSource, fileSource } from './byte-source.ts';
import { KeyLocks } from './key-locks.ts';
import { draftError } from './local-drafts.ts';
import { uploadParts } from './multipart-upload.ts';
import { headObject, objectExists, putObject } from './object-requests.ts';
import { partSizeBytes, SINGLE_PUT_BYTES } from './part-sizes.ts';
import type { S3Client } from './s3-client.ts';
import { streamParts } from './stream-parts.ts';

/**
 * Writes objects whose key is free. Where the server knows no conditional writes a look at the key comes before, which
 * is enough because keys are unique by construction: nobody else makes the one we write, and writers in this process
 * take turns.
 */
export class ObjectWriter {
  readonly #client: S3Client;
  readonly #locks = new KeyLocks();

  constructor(client: S3Client) {
    this.#client = client;
  }

  /** An object of unknown size. At most a few parts of it are in memory. */
  async write(
    key: ObjectKey,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    { signal }: CallOptions,
  ): Promise<void> {
    throwIfCancelled(signal);
    await this.#locks.run(key, async () => {
      await this.#assertFree(key, signal);
      const parts = streamParts(chunks, signal)[Symbol.asyncIterator]();
      await using _ = { [Symbol.asyncDispose]: async () => void (await parts.return(undefined)) };
      const first = await parts.next();
      const second = await parts.next();
      if (first.done === true) return;
      if (second.done === true) {
        await putObject(this.#client, bytesSource(first.value), { key, signal });
        return;
      }
      const all = sourcesOf([first.value, second.value], parts);
      await uploadParts(this.#client, all, { key, signal });
    });
  }

  /** A local file as the object `key`. */
  async upload(path: string, key: ObjectKey, signal: AbortSignal | undefined): Promise<void> {
    await this.#locks.run(key, async () => {
      throwIfCancelled(signal);
      await this.#assertFree(key, signal);
      await using handle = await openDraft(path);
      const sizeBytes = (await handle.stat()).size;
      const file = { handle, path };
      if (sizeBytes <= SINGLE_PUT_BYTES) {
        await putObject(this.#client, fileSource({ ...file, offset: 0, sizeBytes }), { key, signal });
      } else {
        await uploadParts(this.#client, slicesOf({ ...file, sizeBytes }), { key, signal });
      }
    });
  }

  async #assertFree(key: ObjectKey, signal: AbortSignal | undefined): Promise<void> {
    if ((await headObject(this.#client, { key, signal })) !== undefined) {
      throw objectExists(this.#client, key);
    }
  }
}

async function openDraft(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw draftError(error, { task: `read the draft ${path}`, path });
  }
}

async function* sourcesOf(
  first: readonly Uint8Array[],
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<ByteSource> {
  for (const part of first) yield bytesSource(part);
  for await (const part of rest) yield bytesSource(part);
}

/** The parts of a file. */
function* slicesOf(file: { handle: FileHandle; path: string; sizeBytes: number }): Generator<ByteSource> {
  const partBytes = partSizeBytes(file.sizeBytes);
  for (let offset = 0; offset < file.sizeBytes; offset += partBytes) {
    const sizeBytes = Math.min(partBytes, file.sizeBytes - offset);
    yield fileSource({ handle: file.handle, path: file.path, offset, sizeBytes });
  }
}
