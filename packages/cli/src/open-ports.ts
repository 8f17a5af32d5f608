import { type Embedded, openEmbedded } from '@waybill/embedded';
import type { Config } from './config.ts';
import type { Log } from './log.ts';

/** Opens catalog and store where the configuration says. */
export async function openPorts(config: Config, log: Log): Promise<Embedded> {
  const { home, storeFolder, threads } = config;
  log.debug('opening', { home, storeFolder, threads });
  return openEmbedded({ home, storeFolder, threads, onWarning: (message) => log.warn(message) });
}
