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
  #flushing: Promise<void> | undefined;

  constructor(path: string, writer: ObjectWriter) {
    this.path = path;
    this.#writer = writer;
  }

  flush(): void {
    if (this.#spent || this.#flushing !== undefined) return;
    this.#flushing = this.#flush();
  }

  async publish(key: ObjectKey, options: CallOptions = {}): Promise<void> {
    invariant(!this.#spent, 'draft-spent', `draft ${this.path} was published already`);
    throwIfCancelled(options.signal);
    await this.#flushing;
    await this.#writer.publish(this.path, key);
    this.#spent = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#spent) return;
    this.#spent = true;
    await this.#flushing;
    await this.#writer.remove(this.path);
  }

  async #flush(): Promise<void> {
    // Publishing syncs the file again, and fails if this did.
    await this.#writer.sync(this.path).catch(() => undefined);
    this.#flushing = undefined;
  }
}
