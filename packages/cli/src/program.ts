import { Command } from 'commander';
import type { RunAction } from './command-definition.ts';
import { COMMANDS } from './commands/command-table.ts';

const EPILOGUE = `
Environment:
  WAYBILL_HOME      folder of the catalog and, unless WAYBILL_STORE is set, the store
  WAYBILL_STORE     folder of the store
  WAYBILL_ENTITY    entity of names that give none (default: local)
  WAYBILL_PROJECT   project of names that give none (default: default)
  WAYBILL_LOG       silent, error, warn (default), info or debug; logs go to standard error
  WAYBILL_THREADS   threads that compute (default: the CPUs this process may use)
  TMPDIR            folder for intermediate files of large operations (default: the system's)

Exit codes:
  0 done   1 failed   2 wrong usage   3 not found   4 verification failed   5 conflict
  130 and 143: stopped by Ctrl-C or SIGTERM`;

export interface ProgramOptions {
  readonly argv: readonly string[];
  readonly version: string;
  readonly run: RunAction;
  /** Takes help and version texts; usage errors are thrown. */
  readonly writeOut: (text: string) => void;
}

/**
 * Builds the parser. Only the command that `argv` asks for is loaded; the others are known by name and summary, which
 * is what the help and the suggestions for a misspelt command need.
 */
export async function buildProgram({ argv, version, run, writeOut }: ProgramOptions): Promise<Command> {
  const program = new Command('waybill')
    .description('Version datasets and models: every content stored once, every version immutable.')
    .usage('COMMAND [ARGUMENTS]')
    .version(version, '-V, --version', 'print the version of waybill')
    .helpOption('-h, --help', 'show usage and examples')
    .helpCommand('help [COMMAND]', 'show the help of a command')
    .addHelpText('after', EPILOGUE)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    // What a parser says in the middle of things is thrown as an error and shown at one place.
    .configureOutput({ writeOut, writeErr: writeOut, outputError: () => undefined })
    .exitOverride();
  const wanted = wantedCommand(argv);
  for (const entry of COMMANDS) {
    const command = program.command(entry.name).description(sentence(entry.summary)).summary(entry.summary);
    if (entry.name === wanted) (await entry.load())(command, run);
  }
  return program;
}

/** The command that will be asked for its help or run; `undefined` when there is none. */
function wantedCommand(argv: readonly string[]): string | undefined {
  const [first, second] = argv.filter((argument) => !argument.startsWith('-'));
  return first === 'help' ? second : first;
}

/**
 * `help alias add` as `alias add --help`: the parser itself would look at one word only, and answer one that it does not
 * know, here and before `--help`, with the general help. Such words stay alone, for the parser to refuse.
 */
export function helpArguments(program: Command, argv: readonly string[]): readonly string[] {
  const words = argv.filter((argument) => !argument.startsWith('-'));
  const asked = words[0] === 'help' ? words.slice(1) : words;
  if (asked.length === 0) return argv;
  if (words[0] !== 'help' && !argv.includes('--help') && !argv.includes('-h')) return argv;
  let command = program;
  for (const word of asked) {
    if (command.commands.length === 0) break;
    const inner = command.commands.find((known) => known.name() === word);
    if (inner === undefined) return asked;
    command = inner;
  }
  return [...asked, '--help'];
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}
