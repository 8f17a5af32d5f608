import {
  type CallOptions,
  invariant,
  type ObjectDraft,
  type ObjectKey,
  throwIfCancelled,
} from '@waybill/core';
import type { LocalDrafts } from './local-drafts.ts';

/** A local file that is being filled, and is uploaded when its name is known. */
export class S3Draft implements ObjectDraft {
  readonly path: string;
  readonly #key: ObjectKey;
  readonly #drafts: LocalDrafts;
  readonly #upload: (path: string, key: ObjectKey, signal: AbortSignal | undefined) => Promise<void>;
  #spent = false;

  constructor(draft: {
    path: string;
    key: ObjectKey;
    drafts: LocalDrafts;
    upload: (path: string, key: ObjectKey, signal: AbortSignal | undefined) => Promise<void>;
  }) {
    this.path = draft.path;
    this.#key = draft.key;
    this.#drafts = draft.drafts;
    this.#upload = draft.upload;
  }

  flush(): void {
    // The local file need not outlive a power loss: what counts is uploaded when it is published.
  }

  async publish(key: ObjectKey, options: CallOptions = {}): Promise<void> {
    invariant(!this.#spent, 'draft-spent', `draft ${this.path} was published already`);
    throwIfCancelled(options.signal);
    await this.#upload(this.path, key, options.signal);
    this.#spent = true;
    await this.#drafts.remove(this.#key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#spent) return;
    this.#spent = true;
    await this.#drafts.remove(this.#key);
  }
}
