import { type Digests, digestToHex, type Entry } from '@waybill/core';

/**
 * Which entries are stored and which are references: MD5 over the lengths of the runs of either, in path order
 * (`S12\nR3\n`). Together with the logical digest it tells whether a version stores what another one does.
 */
export class PlacementDigest {
  readonly #digest;
  #isReference = false;
  #run = 0;

  constructor(digests: Digests) {
    this.#digest = digests.createDigest('MD5');
  }

  add(entries: readonly Entry[]): void {
    for (const { ref } of entries) {
      const isReference = ref !== undefined;
      if (isReference !== this.#isReference) this.#endRun();
      this.#isReference = isReference;
      this.#run++;
    }
  }

  /** Lower-case hex. Nothing can be added afterwards. */
  hex(): string {
    this.#endRun();
    return digestToHex(this.#digest.digest());
  }

  #endRun(): void {
    if (this.#run > 0) this.#digest.update(`${this.#isReference ? 'R' : 'S'}${this.#run}\n`);
    this.#run = 0;
  }
}
