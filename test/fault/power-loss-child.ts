import { createFaultPlan, openEmbedded } from '@waybill/embedded';
import { ingest } from '@waybill/pipeline';
import { PowerLossDisk } from '@waybill/testkit';

/** Puts a tree with a store on a disk that can lose power; the parent kills it through its fault plan. */
interface Orders {
  readonly home: string;
  readonly store: string;
  readonly record: string;
  readonly tree: string;
  readonly killAt: number;
  readonly logFile?: string;
}

const orders = JSON.parse(process.argv[2] ?? '{}') as Orders;

await using ports = await openEmbedded({
  home: orders.home,
  storeFolder: orders.store,
  threads: 1,
  faultPlan: createFaultPlan({ killAt: orders.killAt, logFile: orders.logFile }),
  disk: new PowerLossDisk({ folder: orders.store, recordFolder: orders.record }),
});
const { version } = await ingest(ports, {
  artifact: { entity: 'local', project: 'default', name: 'data' },
  type: 'dataset',
  aliases: [],
  paths: [orders.tree],
  into: '',
  workingFolder: '/',
  options: {
    include: [],
    exclude: [],
    followLinks: true,
    strict: false,
    useStatCache: true,
    reuse: 'latest',
  },
});
process.stdout.write(version.digest);
