import { invariant } from '@waybill/core';

const BLOCK_ITEMS = 500;

/** The items of a generator, in blocks, and then what it returns. */
export class ResultStream<Item, Result> {
  readonly #generator: AsyncGenerator<Item, Result>;
  #end: { readonly result: Result } | undefined;

  constructor(generator: AsyncGenerator<Item, Result>) {
    this.#generator = generator;
  }

  /** To be iterated once. */
  async *blocks(): AsyncGenerator<readonly Item[]> {
    let block: Item[] = [];
    try {
      let step = await this.#generator.next();
      for (; step.done !== true; step = await this.#generator.next()) {
        block.push(step.value);
        if (block.length < BLOCK_ITEMS) continue;
        yield block;
        block = [];
      }
      this.#end = { result: step.value };
      if (block.length > 0) yield block;
    } finally {
      // Left early: the generator closes what it opened. The value is only there for the types.
      if (this.#end === undefined) await this.#generator.return(undefined as Result);
    }
  }

  /** What the generator returned; only after `blocks` has ended. */
  get result(): Result {
    invariant(
      this.#end !== undefined,
      'result-stream-1',
      'a result was asked for before its items were read',
    );
    return this.#end.result;
  }
}
