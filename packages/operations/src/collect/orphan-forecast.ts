import { type BlobTotals, DIGEST_BYTES, type DigestAlgorithm } from '@waybill/core';
import type { OperationOptions, OperationPorts } from '../operation-ports.ts';
import type { FoundObject } from './adopt-object.ts';

/** Blobs remembered; objects beyond count as taken in and kept, whatever would become of them. */
const BLOBS_MAX = 500_000;
/** Digests of one call of the index. */
const CALL_DIGESTS = 2_000;

/** An orphan, with what of it would be the index's, and what of that a version refers to. */
interface Orphan {
  readonly object: FoundObject;
  readonly own: BlobTotals;
  readonly referenced: BlobTotals;
}

interface OwnBlob {
  readonly orphan: { own: BlobTotals; referenced: BlobTotals };
  readonly length: number;
  isReferenced: boolean;
}

/** What would come of orphans if they were taken into the index. */
export class OrphanForecast {
  readonly #orphans: Orphan[] = [];
  readonly #blobs = new Map<string, OwnBlob>();

  get orphans(): readonly Orphan[] {
    return this.#orphans;
  }

  /** Gives the object the blobs that neither the index nor an orphan before it has. */
  async add(
    ports: Pick<OperationPorts, 'index'>,
    object: FoundObject,
    options: OperationOptions,
  ): Promise<void> {
    if (this.#blobs.size + object.blobs.lengths.length > BLOBS_MAX) return;
    const { entity, algorithm, blobs } = object;
    const orphan = { object, own: NONE, referenced: NONE };
    this.#orphans.push(orphan);
    for (let start = 0; start < blobs.lengths.length; start += CALL_DIGESTS) {
      const digests = blobs.digests.subarray(start * DIGEST_BYTES, (start + CALL_DIGESTS) * DIGEST_BYTES);
      const locations = await ports.index.locate({ entity, algorithm, digests }, options);
      for (const [index, location] of locations.entries()) {
        const key = keyAt(algorithm, digests, index);
        if (location !== undefined || this.#blobs.has(key)) continue;
        const length = blobs.lengths[start + index] ?? 0;
        this.#blobs.set(key, { orphan, length, isReferenced: false });
        orphan.own = plus(orphan.own, length);
      }
    }
  }

  /** A version refers to these. */
  mark(algorithm: DigestAlgorithm, digests: Uint8Array): void {
    if (this.#blobs.size === 0) return;
    for (let row = 0; row < digests.length / DIGEST_BYTES; row++) {
      const blob = this.#blobs.get(keyAt(algorithm, digests, row));
      if (blob === undefined || blob.isReferenced) continue;
      blob.isReferenced = true;
      blob.orphan.referenced = plus(blob.orphan.referenced, blob.length);
    }
  }

  /** Whether an orphan has the content; `digest` is base64. */
  has(algorithm: DigestAlgorithm, digest: string): boolean {
    return this.#blobs.size > 0 && this.#blobs.has(keyAt(algorithm, Uint8Array.fromBase64(digest), 0));
  }
}

const NONE: BlobTotals = { blobs: 0, bytes: 0 };

function plus(totals: BlobTotals, length: number): BlobTotals {
  return { blobs: totals.blobs + 1, bytes: totals.bytes + length };
}

function keyAt(algorithm: DigestAlgorithm, digests: Uint8Array, row: number): string {
  return `${algorithm} ${digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES).toHex()}`;
}
