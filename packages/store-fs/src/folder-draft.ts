import {
  type CallOptions,
  invariant,
  type ObjectDraft,
  type ObjectKey,
  throwIfCancelled,
} from '@waybill/core';
import type { ObjectWriter } from './object-writer.ts';

/** A file in an ingest's staging that is being filled. */
export class FolderDraft implements ObjectDraft {
  readonly path: string;
  readonly #writer: ObjectWriter;
  #spent = false;

  constructor(path: string, writer: ObjectWriter) {
    this.path = path;
    this.#writer = writer;
  }

  async publish(key: ObjectKey, options: CallOptions = {}): Promise<void> {
    invariant(!this.#spent, 'draft-spent', `draft ${this.path} was published already`);
    throwIfCancelled(options.signal);
    await this.#writer.publish(this.path, key);
    this.#spent = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#spent) return;
    this.#spent = true;
    await this.#writer.remove(this.path);
  }
}
