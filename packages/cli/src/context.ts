import type { Embedded } from '@waybill/embedded';
import type { Config } from './config.ts';
import type { ExitCode } from './exit-codes.ts';
import type { JsonReport } from './json-report.ts';
import type { Output } from './output.ts';
import type { ProgressDisplay } from './progress-display.ts';
import type { Paint } from './text.ts';

export interface OpenOptions {
  /** The command is going to need threads: start them at once. */
  readonly startThreads?: boolean;
}

/** All that a command has to work with. */
export interface CommandContext {
  readonly config: Config;
  /** Folder that relative paths on the command line start from. */
  readonly workingFolder: string;
  /** Whether `--json` was given: then `report` is all that goes to standard output. */
  readonly json: boolean;
  readonly report: JsonReport;
  /** Standard output. */
  readonly output: Output;
  /** Standard error: progress, warnings, errors. */
  readonly errors: Output;
  readonly paint: Paint;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Opens catalog and store, once; closed when the command has ended. */
  open(options?: OpenOptions): Promise<Embedded>;
  /** Shows on standard error how far something is; shows nothing under `--json`. */
  openProgress(): Promise<ProgressDisplay>;
}

export type Action = (context: CommandContext) => Promise<ExitCode>;
