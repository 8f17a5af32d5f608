/** A binary heap: `peek` and `pop` give the item that comes before all others. */
export class MinHeap<T> {
  readonly #comesBefore: (a: T, b: T) => boolean;
  #items: T[] = [];

  constructor(comesBefore: (a: T, b: T) => boolean) {
    this.#comesBefore = comesBefore;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = items[above];
      if (parent === undefined || !this.#comesBefore(item, parent)) break;
      items[at] = parent;
      at = above;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const [top] = items;
    const last = items.pop();
    if (last !== undefined && items.length > 0) this.#sink(last);
    return top;
  }

  /** Takes out every item that passes the test. */
  remove(test: (item: T) => boolean): T[] {
    const removed = new Set(this.#items.filter(test));
    const kept = this.#items.filter((item) => !removed.has(item));
    this.#items = [];
    for (const item of kept) this.push(item);
    return [...removed];
  }

  /** Puts an item in the place of the top and moves it down to where it belongs. */
  #sink(item: T): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = items[below];
      if (child === undefined) break;
      const other = items[below + 1];
      if (other !== undefined && this.#comesBefore(other, child)) {
        child = other;
        below += 1;
      }
      if (!this.#comesBefore(child, item)) break;
      items[at] = child;
      at = below;
    }
    items[at] = item;
  }
}
