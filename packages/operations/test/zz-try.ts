import { openEmbedded } from '@waybill/embedded';
import { checkStore, collectGarbage, getVersion, listEntries, verifyVersion } from '@waybill/operations';
import { ingest } from '@waybill/pipeline';

const home = process.argv[2] ?? '';
const src = process.argv[3] ?? '';
const out = process.argv[4] ?? '';
await using ports = await openEmbedded({ home });
const t0 = performance.now();
const artifact = { entity: 'local', project: 'default', name: 'demo' };
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
const t1 = performance.now();
const got = await getVersion(ports, { ref, root: out, only: [] });
console.log(
  'get',
  ((performance.now() - t1) / 1000).toFixed(2),
  got.entries,
  got.bytes,
  got.written,
  got.skipped,
);
const t2 = performance.now();
const v = verifyVersion(ports, { ref, root: out });
for (;;) {
  const s = await v.next();
  if (s.done) {
    console.log(
      'verify',
      ((performance.now() - t2) / 1000).toFixed(2),
      s.value.ok,
      s.value.missing,
      s.value.extra,
      s.value.changed,
    );
    break;
  }
  console.log(s.value);
}
console.log((await listEntries(ports, { ref, prefix: '', limit: 5 })).items.map((i) => i.path));
const c = checkStore(ports, { repair: false });
for (;;) {
  const s = await c.next();
  if (s.done) {
    console.log(s.value);
    break;
  }
  console.log(s.value);
}
console.log(await collectGarbage(ports, { dryRun: false, graceMs: 0 }));
