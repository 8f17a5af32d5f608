import { expect, test } from 'vitest';
import type { LogLevel } from '../src/config.ts';
import { openLog } from '../src/log.ts';
import { MemoryOutput } from './fake-surroundings.ts';

test.for([
  ['silent', ''],
  ['error', ''],
  ['warn', 'waybill: warning: the cache was damaged\\u001b[2J\n'],
] as const satisfies readonly (readonly [LogLevel, string])[])(
  'a warning at level %s',
  async ([level, text]) => {
    const errors = new MemoryOutput();
    const log = await openLog(level, errors);
    log.warn('the cache was damaged\u001b[2J');
    log.info('started', {});
    log.debug('opening', {});
    expect(errors.text).toBe(text);
  },
);
