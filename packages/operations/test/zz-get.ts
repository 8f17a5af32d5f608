import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { openEmbedded } from '@waybill/embedded';
import { getVersion } from '@waybill/operations';
import { ingest } from '@waybill/pipeline';

const [home = '', src = '', out = ''] = process.argv.slice(2);
await using ports = await openEmbedded({ home });
const artifact = { entity: 'local', project: 'default', name: 'demo' };
const t0 = performance.now();
const done = await ingest(ports, {
  artifact,
  type: 'dataset',
  aliases: [],
  paths: [src],
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
console.log('put', ((performance.now() - t0) / 1000).toFixed(2), done.version.entryCount, done.created);
const ref = { ...artifact, alias: 'latest' };
for (let round = 0; round < 5; round++) {
  rmSync(`${out}-cp`, { recursive: true, force: true });
  rmSync(`${out}-get`, { recursive: true, force: true });
  const t1 = performance.now();
  execFileSync('cp', ['-r', src, `${out}-cp`]);
  const cp = performance.now() - t1;
  const c0 = process.cpuUsage();
  const t2 = performance.now();
  await getVersion(ports, { ref, root: `${out}-get`, only: [] });
  const get = performance.now() - t2;
  const c = process.cpuUsage(c0);
  console.log(
    `cp ${cp.toFixed(0)} get ${get.toFixed(0)} ratio ${(cp / get).toFixed(2)} cpu user ${(c.user / 1000).toFixed(0)} sys ${(c.system / 1000).toFixed(0)}`,
  );
}
rmSync(`${out}-cp`, { recursive: true, force: true });
rmSync(`${out}-get`, { recursive: true, force: true });
