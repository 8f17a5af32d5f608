import type { LiveText, Output } from './output.ts';

const PLAIN_LINE_EVERY_MS = 5_000;
/** As often as an eye can follow. */
const REDRAW_EVERY_MS = 100;

export interface ProgressDisplayOptions {
  /** Standard error. */
  readonly errors: Output;
  /** Text redrawn in place; without it, a line every few seconds. */
  readonly live: LiveText | undefined;
  /** Shows nothing at all. */
  readonly quiet: boolean;
  readonly nowMs: () => number;
}

/** Shows how far something is: a live line on a terminal, elsewhere a plain line every five seconds. */
export class ProgressDisplay implements Disposable {
  readonly #options: ProgressDisplayOptions;
  #lineAtMs: number;
  #drawnAtMs = -Infinity;
  #stage: string | undefined;

  constructor(options: ProgressDisplayOptions) {
    this.#options = options;
    this.#lineAtMs = options.nowMs();
  }

  get nowMs(): number {
    return this.#options.nowMs();
  }

  /** Takes the newest state; `compose` is called only when it is shown. A new stage is shown at once on a terminal. */
  show(stage: string, compose: () => string): void {
    const { errors, live, quiet, nowMs } = this.#options;
    if (quiet) return;
    if (live !== undefined) {
      if (stage === this.#stage && nowMs() - this.#drawnAtMs < REDRAW_EVERY_MS) return;
      this.#stage = stage;
      this.#drawnAtMs = nowMs();
      live.update(compose());
      return;
    }
    if (nowMs() - this.#lineAtMs < PLAIN_LINE_EVERY_MS) return;
    this.#lineAtMs = nowMs();
    // Progress that nobody can read is no reason to stop the work.
    errors.write(`${compose()}\n`).catch(() => undefined);
  }

  /** Takes the live line away, so that something else can be written. */
  clear(): void {
    this.#options.live?.clear();
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
