/** Contents known to be stored are remembered up to this many; beyond, the index is simply asked again. */
const KNOWN_MAX = 65_536;

/**
 * Contents on their way into the store, in this process: whoever meets one of them again waits for the first to
 * become durable instead of storing it twice. Keys are raw digests as strings.
 */
export class StoringSet {
  readonly #onTheWay = new Map<string, PromiseWithResolvers<void>>();
  readonly #known = new Set<string>();

  /** Whether the index said, for this ingest, that the content is stored (and has marked it used). */
  isKnown(key: string): boolean {
    return this.#known.has(key);
  }

  /** The promise of a content that somebody is storing. */
  pending(key: string): Promise<void> | undefined {
    return this.#onTheWay.get(key)?.promise;
  }

  /** Takes the content on: nobody else stores it until it is settled. */
  reserve(key: string): void {
    const resolvers = Promise.withResolvers<void>();
    // A dependent may come late or never; the rejection is the owner's to report.
    resolvers.promise.catch(() => undefined);
    this.#onTheWay.set(key, resolvers);
  }

  /** The content is durable and in the index. */
  settle(key: string): void {
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.add(key);
    this.#onTheWay.get(key)?.resolve();
    this.#onTheWay.delete(key);
  }

  /** It was not stored after all: those who waited for it fail too. */
  fail(key: string, error: unknown): void {
    this.#onTheWay.get(key)?.reject(error);
    this.#onTheWay.delete(key);
  }
}
