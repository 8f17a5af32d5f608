import type { LogLevel } from './config.ts';
import type { Output } from './output.ts';
import { displayMessage } from './text.ts';

type LogFields = Readonly<Record<string, unknown>>;

/** What a command says beside its result. All of it goes to standard error. */
export interface Log {
  /** Something a person should know. */
  warn(message: string): void;
  info(message: string, fields: LogFields): void;
  debug(message: string, fields: LogFields): void;
}

/**
 * Warnings are lines for people. From `info` on, everything is logged as JSON lines, for which the logger is loaded:
 * commands that log nothing start without it.
 */
export async function openLog(level: LogLevel, errors: Output): Promise<Log> {
  if (level === 'info' || level === 'debug') return openJsonLog(level);
  return {
    warn(message) {
      if (level !== 'warn') return;
      errors.write(`waybill: warning: ${displayMessage(message)}\n`).catch(() => undefined);
    },
    info: () => undefined,
    debug: () => undefined,
  };
}

async function openJsonLog(level: 'info' | 'debug'): Promise<Log> {
  const { destination, pino } = await import('pino');
  const logger = pino({ name: 'waybill', level }, destination({ fd: 2, sync: true }));
  return {
    warn: (message) => logger.warn(message),
    info: (message, fields) => logger.info(fields, message),
    debug: (message, fields) => logger.debug(fields, message),
  };
}
