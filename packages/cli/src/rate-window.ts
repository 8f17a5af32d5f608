const WINDOW_MS = 10_000;
const SAMPLES_MAX = 64;

interface Sample {
  readonly atMs: number;
  readonly files: number;
  readonly bytes: number;
}

/** How fast counters have grown in the last ten seconds. */
export class RateWindow {
  readonly #samples: Sample[] = [];

  add(sample: Sample): void {
    this.#samples.push(sample);
    const oldestMs = sample.atMs - WINDOW_MS;
    // One sample from before the window stays, so that the rate always spans it.
    while (this.#samples.length > SAMPLES_MAX || (this.#samples[1]?.atMs ?? Infinity) <= oldestMs) {
      this.#samples.shift();
    }
  }

  /** Per second; zero until two samples are apart in time. */
  rates(): { filesPerSecond: number; bytesPerSecond: number } {
    const first = this.#samples.at(0);
    const last = this.#samples.at(-1);
    const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1_000;
    if (first === undefined || last === undefined || seconds <= 0) {
      return { filesPerSecond: 0, bytesPerSecond: 0 };
    }
    return {
      filesPerSecond: Math.max(0, last.files - first.files) / seconds,
      bytesPerSecond: Math.max(0, last.bytes - first.bytes) / seconds,
    };
  }
}
