import { createFaultPlan, type Embedded, openEmbedded } from '@waybill/embedded';
import type { Config } from './config.ts';
import type { OpenOptions } from './context.ts';
import type { Log } from './log.ts';

/** Opens catalog and store where the configuration says. */
export async function openPorts(config: Config, log: Log, { startThreads }: OpenOptions): Promise<Embedded> {
  const { home, storeFolder, threads, faults } = config;
  log.debug('opening', { home, storeFolder, threads });
  const faultPlan = faults === undefined ? undefined : createFaultPlan(faults);
  return openEmbedded({
    home,
    storeFolder,
    threads,
    startThreads,
    faultPlan,
    onWarning: (message) => log.warn(message),
  });
}
