const WINDOW_MS = 10_000;
/** Samples closer together are not kept: so the window is always a bounded list, and always ten seconds long. */
const SAMPLE_EVERY_MS = 150;

interface Sample {
  readonly atMs: number;
  readonly items: number;
  readonly bytes: number;
}

/** How fast counters have grown in the last ten seconds. */
export class RateWindow {
  readonly #samples: Sample[] = [];
  #latest: Sample | undefined;

  add(sample: Sample): void {
    this.#latest = sample;
    const kept = this.#samples.at(-1);
    if (kept === undefined || sample.atMs - kept.atMs >= SAMPLE_EVERY_MS) this.#samples.push(sample);
    const oldestMs = sample.atMs - WINDOW_MS;
    // One sample from before the window stays, so that the rate always spans it.
    while ((this.#samples[1]?.atMs ?? Infinity) <= oldestMs) this.#samples.shift();
  }

  /** Per second; zero until two samples are apart in time. */
  rates(): { itemsPerSecond: number; bytesPerSecond: number } {
    const first = this.#samples.at(0);
    const last = this.#latest;
    const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1_000;
    if (first === undefined || last === undefined || seconds <= 0) {
      return { itemsPerSecond: 0, bytesPerSecond: 0 };
    }
    return {
      itemsPerSecond: Math.max(0, last.items - first.items) / seconds,
      bytesPerSecond: Math.max(0, last.bytes - first.bytes) / seconds,
    };
  }
}
