import { expect, test } from 'vitest';
import { Interruption, type SignalSource } from '../src/interruption.ts';

class FakeSignals implements SignalSource {
  readonly listeners = new Map<string, () => void>();
  exitedWith: number | undefined;

  on(signal: string, listener: () => void): void {
    this.listeners.set(signal, listener);
  }
  off(signal: string, listener: () => void): void {
    if (this.listeners.get(signal) === listener) this.listeners.delete(signal);
  }
  exit(code: number): void {
    this.exitedWith = code;
  }
}

test.for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s aborts first and exits with %d when it comes again', ([signal, exitCode]) => {
  const signals = new FakeSignals();
  let told = 0;
  {
    using interruption = new Interruption(signals, () => {
      told += 1;
    });
    expect(interruption.exitCode).toBeUndefined();
    signals.listeners.get(signal)?.();
    expect(interruption.signal.reason).toMatchObject({ code: 'CANCELLED', details: { signal } });
    expect(interruption.exitCode).toBe(exitCode);
    expect(signals.exitedWith).toBeUndefined();
    signals.listeners.get(signal)?.();
    expect(signals.exitedWith).toBe(exitCode);
  }
  expect(told).toBe(1);
  expect(signals.listeners.size).toBe(0);
});
