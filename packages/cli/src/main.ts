import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { ArtifactError } from '@waybill/core';
import { readConfig } from './config.ts';
import { openLog } from './log.ts';
import { type LiveText, StreamOutput } from './output.ts';
import { runCommandLine } from './run-command-line.ts';

/** Runs the command line `argv` (without the executable) and resolves to the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const errors = new StreamOutput(process.stderr, { name: 'standard error', optional: true });
  return runCommandLine(argv, {
    output: new StreamOutput(process.stdout, { name: 'standard output', optional: false }),
    errors,
    signals: {
      on: (signal, listener) => process.on(signal, listener),
      off: (signal, listener) => process.off(signal, listener),
      exit: (code) => process.exit(code),
    },
    version: await readVersion(),
    workingFolder,
    readConfig,
    openLiveText,
    openLog: (level) => openLog(level, errors),
    open: async (config, log, options) => (await import('./open-ports.ts')).openPorts(config, log, options),
  });
}

function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new ArtifactError('NOT_FOUND', 'the current folder is gone; change to another one', { cause });
  }
}

async function openLiveText(): Promise<LiveText> {
  const { createLogUpdate } = await import('log-update');
  const log = createLogUpdate(process.stderr);
  return { update: (text) => log(text), clear: () => log.clear() };
}

async function readVersion(): Promise<string> {
  // Found from wherever this is: the sources and the bundle lie at different depths.
  const file = findPackageJSON(import.meta.url);
  if (file === undefined) return 'unknown';
  const manifest: unknown = JSON.parse(await readFile(file, 'utf8'));
  const isObject = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return isObject ? String(manifest.version) : 'unknown';
}
