import { DIGEST_BYTES, type IngestBatchInput, invariant } from '@waybill/core';
import type { BatchFile } from './batch-file.ts';
import type { AskShard } from './ingest-thread-ports.ts';
import type { KnownProofs } from './proof-memo.ts';

/**
 * The stat cache replaces the hash, never the question whether the content is stored. The question has a cheap
 * answer for most files: the row names the ingest that recorded it, and when that ingest's version is COMMITTED,
 * its blobs are stored and gc keeps them for every ingest that is already open. For other rows the index is asked.
 */
export class StoredCheck {
  readonly #input: IngestBatchInput;
  readonly #ask: AskShard;
  readonly #proofs: KnownProofs;

  constructor(check: { input: IngestBatchInput; ask: AskShard; proofs: KnownProofs }) {
    this.#input = check.input;
    this.#ask = check.ask;
    this.#proofs = check.proofs;
  }

  /** Gives a digest to each file whose remembered content is stored; the others are read. */
  async settle(files: readonly BatchFile[]): Promise<void> {
    const cached = files.filter((file) => file.cached !== undefined);
    if (cached.length === 0) return;
    await this.#learnProofs(cached);
    const open: BatchFile[] = [];
    for (const file of cached) {
      if (file.cached !== undefined && this.#proofs.proven.has(file.cached.ingest))
        file.digest = file.cached.digest;
      else open.push(file);
    }
    if (open.length > 0) await this.#askIndex(open);
  }

  async #learnProofs(files: readonly BatchFile[]): Promise<void> {
    const { proven, unproven } = this.#proofs;
    const unknown = new Set<number>();
    for (const { cached } of files) {
      if (cached !== undefined && !proven.has(cached.ingest) && !unproven.has(cached.ingest))
        unknown.add(cached.ingest);
    }
    if (unknown.size === 0) return;
    const answer = await this.#ask({ kind: 'proven', ingests: [...unknown] });
    invariant(answer.kind === 'proven', 'stored-check-proven', `asked for proofs, got ${answer.kind}`);
    for (const ingest of answer.ingests) proven.add(ingest);
    for (const ingest of unknown) if (!proven.has(ingest)) unproven.add(ingest);
  }

  async #askIndex(files: readonly BatchFile[]): Promise<void> {
    const digests = new Uint8Array(files.length * DIGEST_BYTES);
    for (const [index, { cached }] of files.entries()) {
      if (cached !== undefined) digests.set(cached.digest, index * DIGEST_BYTES);
    }
    const answer = await this.#ask({ kind: 'present', digests });
    invariant(answer.kind === 'present', 'stored-check-present', `asked what is present, got ${answer.kind}`);
    for (const [index, file] of files.entries()) {
      if (answer.present[index] !== 1) continue;
      file.digest = file.cached?.digest;
      // From now on this ingest's version is the proof.
      file.remember = this.#input.useStatCache && file.cached?.ingest !== this.#input.ingestSequence;
    }
  }
}
