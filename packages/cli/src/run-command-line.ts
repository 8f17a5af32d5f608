import { ArtifactError, encodeError } from '@waybill/core';
import type { Embedded } from '@waybill/embedded';
import { CommanderError } from 'commander';
import { COMMANDS } from './commands/command-table.ts';
import type { Config, LogLevel } from './config.ts';
import type { Action, CommandContext, OpenOptions } from './context.ts';
import { EXIT_CODES, exitCodeOf } from './exit-codes.ts';
import { Interruption, type SignalSource } from './interruption.ts';
import { JsonReport } from './json-report.ts';
import type { Log } from './log.ts';
import { originalError } from './original-error.ts';
import { isReaderGone, type LiveText, type Output, WatchedOutput } from './output.ts';
import { buildProgram, helpArguments } from './program.ts';
import { ProgressDisplay } from './progress-display.ts';
import { renderError } from './render-error.ts';
import { createPaint } from './text.ts';

/** What the command line needs from around it; tests bring their own. */
export interface Surroundings {
  readonly output: Output;
  readonly errors: Output;
  readonly signals: SignalSource;
  readonly version: string;
  /** Folder that relative paths start from. `NOT_FOUND` when it is gone. */
  workingFolder(): string;
  readConfig(workingFolder: string): Config;
  /** Draws on standard error, where that is a terminal. */
  openLiveText(): Promise<LiveText>;
  openLog(level: LogLevel): Promise<Log>;
  open(config: Config, log: Log, options: OpenOptions): Promise<Embedded>;
}

/** Runs one command line and answers its exit status. Never throws: what goes wrong is reported. */
export async function runCommandLine(argv: readonly string[], around: Surroundings): Promise<number> {
  const run = new CommandRun(argv, around);
  try {
    return await run.execute();
  } catch (error) {
    return run.report(originalError(error));
  }
}

/** One command line from its parsing to its exit status. */
class CommandRun {
  readonly #argv: readonly string[];
  readonly #around: Surroundings;
  readonly #output: WatchedOutput;
  readonly #report: JsonReport;
  #json: boolean;
  #color: boolean | undefined;
  #stopped: number | undefined;

  constructor(argv: readonly string[], around: Surroundings) {
    this.#argv = argv;
    this.#around = around;
    this.#output = new WatchedOutput(around.output);
    this.#report = new JsonReport(around.output);
    this.#json = asksForJson(argv);
  }

  async execute(): Promise<number> {
    let exitCode: number = EXIT_CODES.done;
    let helpText = '';
    const program = await buildProgram({
      argv: this.#argv,
      version: this.#around.version,
      run: async (options, action) => {
        this.#json = options.json === true;
        exitCode = await this.#runAction(action);
      },
      writeOut: (text) => {
        helpText += text;
      },
    });
    try {
      await program.parseAsync(helpArguments(program, this.#argv), { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      exitCode = error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage;
      // Without a command there is nothing to correct: the help is the answer.
      const shown = error.exitCode === 0 || (error.code === 'commander.help' && !this.#json);
      if (!shown) throw usageError(error, this.#argv);
      await (error.exitCode === 0 ? this.#output : this.#around.errors).write(helpText);
    }
    return exitCode;
  }

  async #runAction(action: Action): Promise<number> {
    const { errors } = this.#around;
    const workingFolder = this.#around.workingFolder();
    const config = this.#around.readConfig(workingFolder);
    this.#color = config.color;
    const log = await this.#around.openLog(config.logLevel);
    const startedAtMs = performance.now();
    log.info('command started', { arguments: this.#argv, workingFolder });
    const paint = createPaint(config.color ?? this.#output.isTerminal);
    using interruption = new Interruption(this.#around.signals, () => {
      const notice = 'waybill: stopping in order; once more stops at once\n';
      if (!this.#json) errors.write(notice).catch(() => undefined);
    });
    await using opened = new AsyncDisposableStack();
    let embedded: Promise<Embedded> | undefined;
    const context: CommandContext = {
      config,
      workingFolder,
      json: this.#json,
      report: this.#report,
      output: this.#output,
      errors,
      paint,
      signal: interruption.signal,
      open: (options = {}) => {
        embedded ??= this.#around.open(config, log, options).then((ports) => opened.use(ports));
        return embedded;
      },
      openProgress: async () => this.#openProgress(),
    };
    try {
      const exitCode = await action(context);
      log.info('command ended', { exitCode, seconds: secondsSince(startedAtMs) });
      return exitCode;
    } catch (caught) {
      const error = originalError(caught);
      log.info('command failed', { error: encodeError(error), seconds: secondsSince(startedAtMs) });
      const cancelled = error instanceof ArtifactError && error.code === 'CANCELLED';
      if (cancelled && !isReaderGone(error)) this.#stopped = interruption.exitCode;
      throw error;
    }
  }

  async #openProgress(): Promise<ProgressDisplay> {
    const { errors } = this.#around;
    const live = errors.isTerminal && !this.#json ? await this.#around.openLiveText() : undefined;
    return new ProgressDisplay({ errors, live, quiet: this.#json, nowMs: () => performance.now() });
  }

  /** Tells what went wrong, on one place and once, and answers the exit status for it. */
  async report(error: unknown): Promise<number> {
    // The reader of the output has what it wanted (`waybill ls | head`).
    if (isReaderGone(error)) return EXIT_CODES.done;
    const exitCode = this.#stopped ?? exitCodeOf(error);
    try {
      // Once a command has written something of its own, an object would no longer stand alone.
      if (this.#json && !this.#report.ended && !this.#output.written) await this.#report.fail(error);
      else await this.#around.errors.write(this.#text(error));
    } catch {
      // Nobody is left to be told; the exit status still says it.
    }
    return exitCode;
  }

  #text(error: unknown): string {
    const { errors } = this.#around;
    return renderError(error, createPaint(this.#color ?? errors.isTerminal));
  }
}

function secondsSince(startedAtMs: number): number {
  return Math.round(performance.now() - startedAtMs) / 1_000;
}

/** Whether the arguments ask for JSON, for errors that come before they are parsed. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}

/** What the parser did not understand, with the help that explains it. */
function usageError(error: CommanderError, argv: readonly string[]): ArtifactError {
  const first = argv.find((argument) => !argument.startsWith('-'));
  const command = COMMANDS.find(({ name }) => name === first);
  const help = command === undefined ? 'waybill --help' : `waybill ${command.name} --help`;
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .replace(/\n\(Did you mean (.*)\)$/s, ' (did you mean $1)');
  return new ArtifactError('INVALID_ARGUMENT', `${message}; see "${help}"`);
}
