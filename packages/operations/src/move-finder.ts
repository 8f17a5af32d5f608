import { compareUtf8, type Entry, invariant, type SortRecord } from '@waybill/core';
import { Channel } from './channel.ts';
import type { Joined } from './merge-join.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import type { EntryDifference } from './results.ts';
import {
  decodeDifference,
  decodeEntry,
  encodeDifference,
  encodeDigestKey,
  encodeEntry,
  encodePosition,
  POSITION_CHARS,
} from './sort-codec.ts';

/** Differences sorted by path at a time. */
const BLOCK_RECORDS = 1_000;

type SortPorts = Pick<OperationPorts, 'sort' | 'scratchFolder'>;

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

  /** Joined paths in their order; `position` is that of the first. Those that both sides have are passed over. */
  async add(pairs: readonly Joined<Entry, Entry>[], position: number): Promise<void> {
    const removed: SortRecord[] = [];
    const added: SortRecord[] = [];
    for (const [index, { left, right }] of pairs.entries()) {
      if (left === undefined && right !== undefined) added.push(contentRecord(right, position + index));
      if (right === undefined && left !== undefined) removed.push(contentRecord(left, position + index));
    }
    await this.#removed.add(removed);
    await this.#added.add(added);
  }

  /** `added`, `removed` and `moved`, in path order. */
  async *finish(): AsyncGenerator<readonly EntryDifference[]> {
    const { sort, scratchFolder } = this.#ports;
    this.#removed.end();
    this.#added.end();
    const byPath = sort.sort(this.#pair(), { ...this.#options, scratchFolder });
    for await (const block of byPath) yield block.map(({ value }) => decodeDifference(value));
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
      block.push(
        differenceRecord(
          order <= 0 ? this.#removed.current : undefined,
          order >= 0 ? this.#added.current : undefined,
        ),
      );
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

  async add(records: readonly SortRecord[]): Promise<void> {
    if (this.#failed) await this.#next;
    if (records.length > 0) await this.#input.push(records);
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
  /** Equal for equal digests. */
  readonly content: string;
  /** Place in the joined order of both sides' paths. */
  readonly position: string;
  readonly value: string;
  readonly sizeBytes: number | undefined;
}

function contentRecord(entry: Entry, position: number): SortRecord {
  return { key: encodeDigestKey(entry.digest) + encodePosition(position), value: encodeEntry(entry) };
}

function decodeContent({ key, value }: SortRecord): ContentRecord {
  const end = key.length - POSITION_CHARS;
  const { sizeBytes } = decodeEntry(value);
  return { content: key.slice(0, end), position: key.slice(end), value, sizeBytes };
}

/** Below zero: the removed one stands alone; above: the added one; zero: they are a move. */
function compareContents(removed: ContentRecord | undefined, added: ContentRecord | undefined): number {
  if (removed === undefined) return 1;
  if (added === undefined) return -1;
  const order = compareUtf8(removed.content, added.content);
  return order === 0 && removed.sizeBytes !== added.sizeBytes ? -1 : order;
}

/** What one step of the pairing found, to be sorted by position. */
function differenceRecord(removed: ContentRecord | undefined, added: ContentRecord | undefined): SortRecord {
  if (added === undefined) {
    invariant(removed !== undefined, 'move-finder-side', 'a difference has no side');
    return { key: removed.position, value: encodeDifference('-', removed.value) };
  }
  if (removed === undefined) return { key: added.position, value: encodeDifference('+', added.value) };
  return { key: added.position, value: encodeDifference('>', added.value, decodeEntry(removed.value).path) };
}
