import { ArtifactError } from '@waybill/core';
import type { OperationPorts } from './operation-ports.ts';

/** Not the id of an ingest: those are hexadecimal. */
const MAINTENANCE = 'maintenance';

/**
 * Held while the index is changed in ways that must not meet: what collection lists as garbage, a rebuild may be taking
 * in again. The system frees it when the process dies in any way.
 *
 * @throws ArtifactError `BUSY` when somebody else holds it
 */
export async function holdMaintenance(ports: Pick<OperationPorts, 'locks'>): Promise<AsyncDisposable> {
  const lock = await ports.locks.acquire(MAINTENANCE);
  if (lock !== undefined) return lock;
  throw new ArtifactError(
    'BUSY',
    'another `waybill gc`, `store rebuild-index` or `store check --repair` is at work here, and only one may be; wait until it has ended, then run the command again',
    { details: { subject: MAINTENANCE } },
  );
}
