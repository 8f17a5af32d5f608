import { parseConfig } from '../src/config.ts';
import { openLog } from '../src/log.ts';
import type { LiveText, Output } from '../src/output.ts';
import { runCommandLine, type Surroundings } from '../src/run-command-line.ts';

/** Keeps what is written. */
export class MemoryOutput implements Output {
  readonly isTerminal: boolean;
  text = '';

  constructor(isTerminal = false) {
    this.isTerminal = isTerminal;
  }

  async write(data: string | Uint8Array): Promise<void> {
    this.text += typeof data === 'string' ? data : Buffer.from(data).toString('latin1');
  }
}

const NO_LIVE_TEXT: LiveText = { update: () => undefined, clear: () => undefined };

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line that must not get as far as opening anything, unless `open` says what then happens. */
export async function runFaked(
  argv: readonly string[],
  change: Partial<Surroundings> & { readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  const output = new MemoryOutput();
  const errors = new MemoryOutput();
  const exitCode = await runCommandLine(argv, {
    output,
    errors,
    signals: { on: () => undefined, off: () => undefined, exit: () => undefined },
    version: '1.2.3',
    workingFolder: () => '/data',
    readConfig: (workingFolder) =>
      parseConfig(change.env ?? {}, { workingFolder, defaultHome: '/var/lib/waybill' }),
    openLiveText: async () => NO_LIVE_TEXT,
    openLog: (level) => openLog(level, errors),
    open: () => Promise.reject(new Error('nothing may be opened here')),
    ...change,
  });
  return { exitCode, stdout: output.text, stderr: errors.text };
}
