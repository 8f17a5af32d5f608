import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactError, invariant, throwIfCancelled } from '@waybill/core';

const ITEMS_IN_MEMORY = 50_000;
let spoolCount = 0;

/**
 * A list of texts that may be longer than memory allows: what is beyond 50,000 waits in a file of the scratch folder
 * until it is read back, in the order it came.
 */
export class SpooledList implements AsyncDisposable {
  readonly #scratchFolder: () => string;
  readonly #inMemoryMax: number;
  /** Length of each block in the file, as JSON. */
  readonly #spilledBytes: number[] = [];
  #recent: string[] = [];
  #file: { readonly handle: FileHandle; readonly path: string } | undefined;

  constructor(scratchFolder: () => string, options: { readonly inMemoryMax?: number } = {}) {
    this.#scratchFolder = scratchFolder;
    this.#inMemoryMax = options.inMemoryMax ?? ITEMS_IN_MEMORY;
  }

  async add(item: string): Promise<void> {
    this.#recent.push(item);
    if (this.#recent.length > this.#inMemoryMax) await this.#spill();
  }

  /** Everything added, in blocks. Nothing may be added afterwards. */
  async *blocks({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<readonly string[]> {
    let offset = 0;
    for (const length of this.#spilledBytes) {
      throwIfCancelled(signal);
      yield await this.#readBack({ offset, length });
      offset += length;
    }
    yield this.#recent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#file === undefined) return;
    await this.#file.handle.close();
    await rm(this.#file.path, { force: true });
  }

  async #readBack({ offset, length }: { offset: number; length: number }): Promise<readonly string[]> {
    const bytes = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const read = await this.#file?.handle.read(bytes, filled, length - filled, offset + filled);
      invariant(read !== undefined && read.bytesRead > 0, 'spooled-list-1', 'a spool file became shorter');
      filled += read.bytesRead;
    }
    const block: unknown = JSON.parse(bytes.toString('utf8'));
    return Array.isArray(block) ? block.map(String) : [];
  }

  async #spill(): Promise<void> {
    try {
      this.#file ??= await openSpool(this.#scratchFolder());
      const block = Buffer.from(JSON.stringify(this.#recent));
      await this.#file.handle.appendFile(block);
      this.#spilledBytes.push(block.length);
    } catch (cause) {
      const reason = Error.isError(cause) ? cause.message : String(cause);
      throw new ArtifactError(
        'IO',
        `cannot write intermediate results: ${reason}; free space or set TMPDIR to another folder`,
        {
          cause,
        },
      );
    }
    this.#recent = [];
  }
}

async function openSpool(scratchFolder: string): Promise<{ handle: FileHandle; path: string }> {
  spoolCount += 1;
  const path = join(scratchFolder, `spool-${process.pid}-${spoolCount}.ndjson`);
  return { handle: await open(path, 'w+'), path };
}
