import { ArtifactError } from '@waybill/core';
import { EXIT_CODES, type ExitCode } from './exit-codes.ts';

const EXIT_OF_SIGNAL: Readonly<Record<'SIGINT' | 'SIGTERM', ExitCode>> = {
  SIGINT: EXIT_CODES.interrupted,
  SIGTERM: EXIT_CODES.terminated,
};
type StopSignal = keyof typeof EXIT_OF_SIGNAL;

/** What the interruption needs of the process. */
export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
  exit(code: number): void;
}

/**
 * Turns Ctrl-C and SIGTERM into an abort, so that a command can end in order: an interrupted ingest stays resumable.
 * A second signal ends the process at once, which is as safe as kill -9 and leaves no more behind.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #source: SignalSource;
  readonly #listeners = new Map<StopSignal, () => void>();
  #exitCode: ExitCode | undefined;

  constructor(source: SignalSource, onFirst: () => void) {
    this.#source = source;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const listener = () => {
        if (this.#exitCode !== undefined) {
          this.#source.exit(EXIT_OF_SIGNAL[signal]);
          return;
        }
        this.#exitCode = EXIT_OF_SIGNAL[signal];
        onFirst();
        this.#controller.abort(new ArtifactError('CANCELLED', 'interrupted', { details: { signal } }));
      };
      this.#listeners.set(signal, listener);
      source.on(signal, listener);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit status of a command that a signal stopped; `undefined` as long as none came. */
  get exitCode(): ExitCode | undefined {
    return this.#exitCode;
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) this.#source.off(signal, listener);
  }
}
