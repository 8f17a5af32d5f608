import { ArtifactError } from '@waybill/core';
import type { Command } from 'commander';
import type { Action } from './context.ts';

/** Runs an action with the context made for it; `json` is what the parser found. */
export type RunAction = (options: { readonly json?: boolean }, action: Action) => Promise<void>;

/** Gives a command its arguments, options, help and action. Each file of `commands/` exports one. */
export type DefineCommand = (command: Command, run: RunAction) => void;

/** Adds what every command has: `--json` and examples under the help. */
export function finishCommand(command: Command, examples: readonly string[]): Command {
  return command
    .option('--json', 'print one JSON object on standard output, and nothing else there')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}\n`).join('')}`.trimEnd());
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** Parses an option that is a whole number of at least one. */
export function parsePositive(option: string, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= max) return value;
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      `${option} is ${JSON.stringify(text)}; use a whole number from 1 to ${max}`,
    );
  };
}
