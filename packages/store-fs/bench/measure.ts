/** Wall clock and CPU of this process: on a busy machine only the second says much. */
export interface Times {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export function times(): Times {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.now(), cpuMs: (user + system) / 1_000 };
}

/** Prints how many of something were done since `start`. */
export function printRate(name: string, done: { count: number; unit: string; start: Times }): void {
  const end = times();
  const rate = (ms: number): string => `${(done.count / ms).toFixed(0).padStart(6)}k ${done.unit}/s`;
  const { start } = done;
  console.log(
    `${name.padEnd(34)} ${rate(end.wallMs - start.wallMs)}, of CPU ${rate(end.cpuMs - start.cpuMs)}`,
  );
}
