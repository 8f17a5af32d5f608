/** What is known of ingests as proof that a content is stored. */
export interface KnownProofs {
  readonly proven: Set<number>;
  readonly unproven: Set<number>;
}

const INGESTS_REMEMBERED_MAX = 16;

/**
 * Remembers, for each running ingest, which earlier ingests prove what they recorded. Valid for the time of one
 * ingest only: a version deleted later still protects its blobs for ingests that were open before.
 */
export class ProofMemo {
  readonly #byIngest = new Map<number, KnownProofs>();

  of(ingestSequence: number): KnownProofs {
    let known = this.#byIngest.get(ingestSequence);
    if (known === undefined) {
      if (this.#byIngest.size >= INGESTS_REMEMBERED_MAX) this.#byIngest.clear();
      known = { proven: new Set(), unproven: new Set([0, ingestSequence]) };
      this.#byIngest.set(ingestSequence, known);
    }
    return known;
  }
}
