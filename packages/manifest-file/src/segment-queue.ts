import { compareUtf8, invariant, type SegmentRef } from '@waybill/core';
import { type BlockFileReader, BlockFileWriter } from './block-file.ts';
import type { ScratchFolder } from './scratch-folder.ts';
import type { SegmentSource } from './segment-source.ts';

/** References held in memory; beyond that they wait in a scratch file, this many a block. */
const REFS_IN_MEMORY = 2_048;

/** Segments of one layer whose first bytes are fetched before the merge has reached them. */
const OPENED_AHEAD = 2;

export type OpenSegment = (ref: SegmentRef) => Promise<SegmentSource>;

/**
 * Makes a queue for each layer of references that come ordered by layer, then first path. They come in one stream
 * with the layers one behind the other, while the merge walks the layers side by side; so all are read before the
 * first is used, and memory holds a bounded number of them however many there are.
 */
export async function queueLayers(
  segments: AsyncIterable<SegmentRef>,
  options: { scratch: ScratchFolder; open: OpenSegment },
): Promise<SegmentQueue[]> {
  const lists: RefList[] = [];
  let previous: SegmentRef | undefined;
  for await (const ref of segments) {
    assertOrdered(previous, ref);
    if (previous?.layer !== ref.layer) {
      await lists.at(-1)?.end();
      lists.push(new RefList(options.scratch));
    }
    await lists.at(-1)?.add(ref);
    previous = ref;
  }
  await lists.at(-1)?.end();
  return Promise.all(lists.map((list) => SegmentQueue.start(list, options.open)));
}

function assertOrdered(previous: SegmentRef | undefined, ref: SegmentRef): void {
  if (previous === undefined || previous.layer < ref.layer) return;
  const isOrdered = previous.layer === ref.layer && compareUtf8(previous.firstPath, ref.firstPath) <= 0;
  invariant(isOrdered, 'SEG-5', `segments are not in order: ${previous.key}, then ${ref.key}`);
}

/** References of one layer, added, then taken in the same order. */
class RefList {
  readonly #writer: BlockFileWriter;
  #pending: SegmentRef[] = [];
  #spilled = false;
  #reader: BlockFileReader | undefined;
  #next = 0;

  constructor(scratch: ScratchFolder) {
    this.#writer = new BlockFileWriter(scratch);
  }

  async add(ref: SegmentRef): Promise<void> {
    this.#pending.push(ref);
    if (this.#pending.length >= REFS_IN_MEMORY) await this.#spill();
  }

  /** Nothing is added any more. */
  async end(): Promise<void> {
    if (!this.#spilled) return;
    await this.#spill();
    this.#reader = await this.#writer.finish();
  }

  async take(): Promise<SegmentRef | undefined> {
    const ref = this.#pending[this.#next++];
    if (ref !== undefined || this.#reader === undefined) return ref;
    const block = await this.#reader.next();
    if (block === undefined) {
      this.#reader = undefined;
      return undefined;
    }
    const refs: unknown = JSON.parse(block.toString());
    invariant(
      Array.isArray(refs) && refs.every(isSegmentRef),
      'SEG-8',
      'a scratch file of segments is damaged',
    );
    this.#pending = refs;
    this.#next = 0;
    return this.take();
  }

  async #spill(): Promise<void> {
    this.#spilled = true;
    const block = Buffer.from(JSON.stringify(this.#pending));
    this.#pending = [];
    await this.#writer.append(block);
  }
}

function isSegmentRef(value: unknown): value is SegmentRef {
  if (typeof value !== 'object' || value === null) return false;
  const fields = Object.entries(value);
  const texts = fields.filter(([name]) => name === 'key' || name.endsWith('Path'));
  const numbers = fields.filter(([name]) => /^(?:layer|sourceIndex|entryCount|sizeBytes)$/.test(name));
  const isComplete = texts.length === 3 && numbers.length === 4;
  return (
    isComplete &&
    texts.every(([, text]) => typeof text === 'string') &&
    numbers.every(([, n]) => Number.isSafeInteger(n))
  );
}

interface Ahead {
  readonly ref: SegmentRef;
  readonly opening: Promise<SegmentSource>;
}

/** The segments of one layer in the order of their first paths; the next few are already being fetched. */
export class SegmentQueue {
  readonly #list: RefList;
  readonly #open: OpenSegment;
  readonly #ahead: Ahead[] = [];
  #isEnd = false;

  private constructor(list: RefList, open: OpenSegment) {
    this.#list = list;
    this.#open = open;
  }

  static async start(list: RefList, open: OpenSegment): Promise<SegmentQueue> {
    const queue = new SegmentQueue(list, open);
    await queue.#fill();
    return queue;
  }

  /** Where the next segment begins; nothing at the end. */
  get nextPath(): string | undefined {
    return this.#ahead[0]?.ref.firstPath;
  }

  async take(): Promise<{ ref: SegmentRef; source: SegmentSource }> {
    const [ahead] = this.#ahead;
    invariant(ahead !== undefined, 'SEG-9', 'a queue of segments was asked beyond its end');
    const source = await ahead.opening;
    this.#ahead.shift();
    await this.#fill();
    return { ref: ahead.ref, source };
  }

  async #fill(): Promise<void> {
    while (!this.#isEnd && this.#ahead.length < OPENED_AHEAD) {
      const ref = await this.#list.take();
      this.#isEnd = ref === undefined;
      if (ref === undefined) return;
      const opening = this.#open(ref);
      // Its failure counts when the merge reaches it, or never.
      opening.catch(() => undefined);
      this.#ahead.push({ ref, opening });
    }
  }

  /** Waits for what is still being fetched, so that nothing is read after the merge has ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#ahead.map(({ opening }) => opening));
  }
}
