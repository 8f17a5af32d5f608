import { compareUtf8, type Entry, invariant, type SortRecord } from '@waybill/core';
import { Channel } from './channel.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import type { EntryDifference } from './results.ts';

/** Differences sorted by path at a time. */
const BLOCK_RECORDS = 1_000;
const SEPARATOR = '\0';
const SIZE_UNKNOWN = '';

type SortPorts = Pick<OperationPorts, 'sort' | 'scratchFolder'>;
type Unpaired = Omit<EntryDifference, 'kind'>;

/**
 * Finds which added and removed entries are the same content under another path. Both sides are sorted by content
 * outside memory and then read side by side, so that even a million copies of one content need no memory.
 */
export class MoveFinder implements AsyncDisposable {
  readonly #ports: SortPorts;
  readonly #options: OperationOptions;
  readonly #removed: SortedSide;
  readonly #added: SortedSide;

  constructor(ports: SortPorts, options: OperationOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#removed = new SortedSide(ports, options);
    this.#added = new SortedSide(ports, options);
  }

  async add(removed: readonly Entry[], added: readonly Entry[]): Promise<void> {
    await this.#removed.add(removed);
    await this.#added.add(added);
  }

  /** `added`, `removed` and `moved`, in path order. */
  async *finish(): AsyncGenerator<readonly EntryDifference[]> {
    const { sort, scratchFolder } = this.#ports;
    this.#removed.end();
    this.#added.end();
    const byPath = sort.sort(this.#pair(), { ...this.#options, scratchFolder });
    for await (const block of byPath) yield block.map(decodeDifference);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removed[Symbol.asyncDispose]();
    await this.#added[Symbol.asyncDispose]();
  }

  async *#pair(): AsyncGenerator<SortRecord[]> {
    let block: SortRecord[] = [];
    await this.#removed.advance();
    await this.#added.advance();
    while (this.#removed.current !== undefined || this.#added.current !== undefined) {
      const order = compareContents(this.#removed.current, this.#added.current);
      block.push(encodeDifference(order, this.#removed.current, this.#added.current));
      if (order <= 0) await this.#removed.advance();
      if (order >= 0) await this.#added.advance();
      if (block.length < BLOCK_RECORDS) continue;
      yield block;
      block = [];
    }
    if (block.length > 0) yield block;
  }
}

/** One side, sorted by content and then by path. */
class SortedSide implements AsyncDisposable {
  readonly #input = new Channel<readonly SortRecord[]>();
  readonly #output: AsyncIterator<readonly SortRecord[]>;
  #next: Promise<IteratorResult<readonly SortRecord[]>> | undefined;
  #block: readonly SortRecord[] = [];
  #index = -1;
  #failed = false;
  current: ContentRecord | undefined;

  constructor(ports: SortPorts, options: OperationOptions) {
    const { scratchFolder } = ports;
    this.#output = ports.sort.sort(this.#input, { ...options, scratchFolder })[Symbol.asyncIterator]();
    // Asked for now, so that it takes its input while the other side takes its own. A failure is seen with the next call.
    this.#next = this.#output.next();
    this.#next.catch(() => {
      this.#failed = true;
      this.#input.close();
    });
  }

  async add(entries: readonly Entry[]): Promise<void> {
    if (this.#failed) await this.#next;
    if (entries.length > 0) await this.#input.push(entries.map(encodeContent));
  }

  end(): void {
    this.#input.close();
  }

  async advance(): Promise<void> {
    this.#index++;
    while (this.#index >= this.#block.length) {
      const step = await (this.#next ?? this.#output.next());
      this.#next = undefined;
      if (step.done === true) {
        this.current = undefined;
        return;
      }
      this.#block = step.value;
      this.#index = 0;
    }
    const record = this.#block[this.#index];
    this.current = record === undefined ? undefined : decodeContent(record);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#input.close();
    // Its failure, if any, was thrown or is of no interest any more.
    await this.#next?.catch(() => undefined);
    await this.#output.return?.();
  }
}

interface ContentRecord {
  /** Digest and size, as the records are sorted by. */
  readonly content: string;
  readonly path: string;
  readonly digest: string;
  readonly sizeBytes: number | undefined;
}

function encodeContent({ digest, sizeBytes, path }: Entry): SortRecord {
  const size = sizeBytes === undefined ? SIZE_UNKNOWN : String(sizeBytes);
  const content = digest + SEPARATOR + size + SEPARATOR;
  return { key: content + path, value: `${digest.length} ${content.length}` };
}

function decodeContent({ key, value }: SortRecord): ContentRecord {
  const [digestLength = 0, contentLength = 0] = value.split(' ').map(Number);
  const size = key.slice(digestLength + 1, contentLength - 1);
  return {
    content: key.slice(0, contentLength),
    path: key.slice(contentLength),
    digest: key.slice(0, digestLength),
    sizeBytes: size === SIZE_UNKNOWN ? undefined : Number(size),
  };
}

function compareContents(removed: ContentRecord | undefined, added: ContentRecord | undefined): number {
  if (removed === undefined) return 1;
  if (added === undefined) return -1;
  return compareUtf8(removed.content, added.content);
}

function encodeDifference(
  order: number,
  removed: ContentRecord | undefined,
  added: ContentRecord | undefined,
): SortRecord {
  const record = order < 0 ? removed : added;
  invariant(record !== undefined, 'move-finder-side', 'a difference has no side');
  const { path, digest, sizeBytes = null } = record;
  const kind = order < 0 ? 'removed' : order > 0 ? 'added' : 'moved';
  return { key: path, value: JSON.stringify([kind, digest, sizeBytes, order === 0 ? removed?.path : null]) };
}

function decodeDifference({ key: path, value }: SortRecord): EntryDifference {
  const [kind, digest, size, fromPath] = JSON.parse(value) as [
    EntryDifference['kind'],
    string,
    number | null,
    string | null,
  ];
  const difference: Unpaired = { path, digest, sizeBytes: size ?? undefined };
  return fromPath === null ? { kind, ...difference } : { kind, fromPath, ...difference };
}
