import type { CheckResult } from '../results.ts';

/** What one check of one entity is about, and what it found so far. */
export interface EntityCheck {
  readonly entity: string;
  readonly collection: number;
  readonly thresholdTick: number;
  readonly repair: boolean;
  readonly damaged: DamagedContents;
  readonly counts: CheckCounts;
}

export type CheckCounts = { -readonly [Key in keyof Omit<CheckResult, 'ok'>]: number };

/** Damaged contents whose users are looked for; more are reported without them. */
const DAMAGED_KEPT = 200_000;

/** Contents found damaged, by algorithm and digest. */
export class DamagedContents {
  readonly #digests = new Set<string>();

  add(algorithm: string, digest: string): void {
    if (this.#digests.size < DAMAGED_KEPT) this.#digests.add(`${algorithm} ${digest}`);
  }

  has(algorithm: string, digest: string): boolean {
    return this.#digests.size > 0 && this.#digests.has(`${algorithm} ${digest}`);
  }
}

export function noCounts(): CheckCounts {
  return {
    objects: 0,
    blobs: 0,
    bytes: 0,
    versions: 0,
    entries: 0,
    damagedBlobs: 0,
    damagedObjects: 0,
    damagedManifests: 0,
    damagedEntries: 0,
    leftovers: 0,
    repaired: 0,
  };
}
