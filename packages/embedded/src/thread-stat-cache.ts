import type { HashPool, StatCache } from '@waybill/core';
import { openStatCache } from '@waybill/store-fs';

/** Rows are written when there are this many bytes of them (some 60,000 rows), or when somebody waits for them. */
const WRITE_AT_BYTES = 8 * 1_048_576;

/**
 * The stat cache of a process. Rows are collected here and written by one thread at a time: the main thread has
 * the catalog and the queue to look after. Rows a crash catches here cost hashing these files once more.
 */
export class ThreadStatCache implements StatCache {
  readonly #path: string;
  readonly #catalogId: string;
  readonly #pool: HashPool;
  readonly #warn: (message: string) => void;
  readonly #warned = new Set<string>();
  #prepared: Promise<void> | undefined;
  #rows: Uint8Array[] = [];
  #bytes = 0;
  #written: Promise<void> = Promise.resolve();

  constructor(cache: { path: string; catalogId: string; pool: HashPool; warn: (message: string) => void }) {
    this.#path = cache.path;
    this.#catalogId = cache.catalogId;
    this.#pool = cache.pool;
    this.#warn = cache.warn;
  }

  /** Throws a damaged or foreign cache away; threads may read it afterwards, not before. */
  prepare(): Promise<void> {
    this.#prepared ??= this.#open();
    return this.#prepared;
  }

  async keep(rows: readonly Uint8Array[]): Promise<void> {
    for (const part of rows) {
      this.#rows.push(part);
      this.#bytes += part.length;
    }
    if (this.#bytes < WRITE_AT_BYTES) return;
    // No more than this and what is being written is ever held.
    await this.#written;
    this.#write();
  }

  async settle(): Promise<void> {
    this.#write();
    await this.#written;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle();
  }

  async #open(): Promise<void> {
    await using _ = await openStatCache({
      path: this.#path,
      catalogId: this.#catalogId,
      warn: (message) => this.#tell(message),
    });
  }

  #write(): void {
    const rows = this.#rows;
    if (rows.length === 0) return;
    this.#rows = [];
    this.#bytes = 0;
    this.#written = this.#written.then(async () => this.#writeInThread(rows));
  }

  async #writeInThread(rows: readonly Uint8Array[]): Promise<void> {
    try {
      const { warnings } = await this.#pool.run('keepCacheRows', { rows, catalogId: this.#catalogId });
      for (const warning of warnings) this.#tell(warning);
    } catch (error) {
      this.#tell(`what was hashed could not be remembered (${String(error)}); it will be hashed again`);
    }
  }

  #tell(message: string): void {
    if (!this.#warned.has(message)) this.#warn(message);
    this.#warned.add(message);
  }
}
