import { compareUtf8 } from '@waybill/core';

/** One path: what each side has of it. At least one side has something. */
export interface Joined<Left, Right> {
  readonly left: Left | undefined;
  readonly right: Right | undefined;
}

/** Joins two streams of blocks that ascend strictly by path, in path order; yields blocks of at most `blockSize`. */
export async function* mergeJoin<Left extends { path: string }, Right extends { path: string }>(
  lefts: AsyncIterable<readonly Left[]>,
  rights: AsyncIterable<readonly Right[]>,
  blockSize: number,
): AsyncGenerator<Joined<Left, Right>[]> {
  await using left = new BlockCursor(lefts);
  await using right = new BlockCursor(rights);
  let block: Joined<Left, Right>[] = [];
  for (;;) {
    if (left.current === undefined) await left.fill();
    if (right.current === undefined) await right.fill();
    if (left.current === undefined && right.current === undefined) break;
    joinBuffered(left, right, { block, blockSize });
    if (block.length < blockSize) continue;
    yield block;
    block = [];
  }
  if (block.length > 0) yield block;
}

/** Joins until a side must be filled again, or the block is full. */
function joinBuffered<Left extends { path: string }, Right extends { path: string }>(
  left: BlockCursor<Left>,
  right: BlockCursor<Right>,
  output: { block: Joined<Left, Right>[]; blockSize: number },
): void {
  const { block, blockSize } = output;
  while (block.length < blockSize && !left.needsFill && !right.needsFill) {
    const ours = left.current;
    const theirs = right.current;
    if (ours === undefined && theirs === undefined) return;
    const order = comparePaths(ours, theirs);
    block.push({ left: order <= 0 ? ours : undefined, right: order >= 0 ? theirs : undefined });
    if (order <= 0) left.advance();
    if (order >= 0) right.advance();
  }
}

/** A side that has ended comes last. */
function comparePaths(left: { path: string } | undefined, right: { path: string } | undefined): number {
  if (left === undefined) return 1;
  return right === undefined ? -1 : compareUtf8(left.path, right.path);
}

/** Reads blocks item by item without awaiting each of them. */
class BlockCursor<Item> implements AsyncDisposable {
  readonly #blocks: AsyncIterator<readonly Item[]>;
  #block: readonly Item[] = [];
  #index = 0;
  #ended = false;
  current: Item | undefined;

  constructor(blocks: AsyncIterable<readonly Item[]>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  /** Whether the block is used up and another may follow. */
  get needsFill(): boolean {
    return this.current === undefined && !this.#ended;
  }

  advance(): void {
    this.#index++;
    this.current = this.#block[this.#index];
  }

  async fill(): Promise<void> {
    while (this.needsFill) {
      const step = await this.#blocks.next();
      if (step.done === true) {
        this.#ended = true;
        return;
      }
      this.#block = step.value;
      this.#index = 0;
      this.current = this.#block[0];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#blocks.return?.();
  }
}
