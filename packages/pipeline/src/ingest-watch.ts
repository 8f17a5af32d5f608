import type { ArtifactError } from '@waybill/core';
import { lostIngest } from './finalize.ts';
import type { IngestContext } from './ingest-context.ts';

/** Stages look at the state at every batch, but one large file may take hours. */
const LOOK_EVERY_MS = 1_000;

/**
 * Looks at the ingest's state while something works on it, and says so once when it was cancelled or another process
 * has taken it up. Dispose it to end the watch.
 */
export function watchIngest(context: IngestContext, onLost: (error: ArtifactError) => void): Disposable {
  const { ports, ingest } = context;
  let looking = false;
  const look = async (): Promise<void> => {
    const now = await ports.catalog.getIngestState(ingest.ingestId);
    const isOurs = now?.fence === ingest.fence && now.state !== 'CANCELLING' && now.state !== 'CANCELLED';
    if (isOurs) return;
    clearInterval(timer);
    onLost(await lostIngest(context));
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    // A look that fails tells nothing: the stages meet whatever is wrong with the catalog themselves.
    look()
      .catch(() => undefined)
      .finally(() => {
        looking = false;
      });
  }, LOOK_EVERY_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
