import { openEmbedded } from '@waybill/embedded';
import { getVersion } from '@waybill/operations';

const [home = '', out = ''] = process.argv.slice(2);
const t0 = performance.now();
await using ports = await openEmbedded({ home });
const ref = { entity: 'local', project: 'default', name: 'demo', alias: 'latest' };
const t2 = performance.now();
let first = 0;
await getVersion(
  ports,
  { ref, root: out, only: [] },
  {
    onProgress: () => {
      first ||= performance.now();
    },
  },
);
const t3 = performance.now();
console.log(
  `import ${t0.toFixed(0)} open ${(t2 - t0).toFixed(0)} first batch ${(first - t2).toFixed(0)} get ${(t3 - t2).toFixed(0)} main thread cpu`,
  process.threadCpuUsage(),
  process.cpuUsage(),
);
