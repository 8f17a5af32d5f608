import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import type { Entry } from '@waybill/core';
import { createExternalSort, createManifestFiles } from '@waybill/manifest-file';
import { diffVersions, exportManifest, listEntries } from '@waybill/operations';
import { memoryDigests } from './memory-digests.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { put, refTo, treeOf } from './memory-world.ts';

const N = Number(process.argv[2] ?? 1e6);
const changeEvery = Number(process.argv[3] ?? 10);
const manifests = createManifestFiles();
const ports = {
  ...createMemoryPorts(),
  manifests,
  sort: createExternalSort(),
  scratchFolder: mkdtempSync('/dev/shm/ops-sort'),
};
function* entries(variant: number): Generator<Entry[]> {
  let block: Entry[] = [];
  for (let i = 0; i < N; i++) {
    const name = `train/class-${String(Math.floor(i / 1000)).padStart(5, '0')}/image-${String(i).padStart(9, '0')}.jpg`;
    const change = i % changeEvery === 0;
    const digest = createHash('md5')
      .update(`${i}${change && i % (3 * changeEvery) === 0 ? variant : ''}`)
      .digest('base64');
    const path =
      change && i % (3 * changeEvery) !== 0 && variant === 1 ? name.replace('train', 'trainz') : name;
    block.push({ path, digest, sizeBytes: i });
    if (block.length === 5000) {
      yield block;
      block = [];
    }
  }
  if (block.length) yield block;
}
async function* sorted(variant: number) {
  if (variant === 0) {
    yield* entries(0);
    return;
  }
  const all = [...entries(1)].flat().sort((a, b) => (a.path < b.path ? -1 : 1));
  for (let i = 0; i < all.length; i += 5000) yield all.slice(i, i + 5000);
}
for (const variant of [0, 1]) {
  await put(ports, treeOf({ x: `${variant}` }), { name: `m${variant}` });
  const version = ports.memory.catalog.versions[variant]!;
  const enc = manifests.encodeManifest(sorted(variant));
  const chunks: Uint8Array[] = [];
  for await (const c of enc.chunks) chunks.push(c);
  const ref = enc.finish();
  ports.memory.store.objects.set(version.manifest.key, new Uint8Array(Buffer.concat(chunks)));
  Object.assign(version, { manifest: { key: version.manifest.key, ...ref }, entryCount: N });
}
ports.memory.store.chunkBytes = 1 << 20;
for (let k = 0; k < 1; k++) {
  const t = performance.now();
  const c0 = process.threadCpuUsage();
  const call = diffVersions(ports, { from: refTo('m0'), to: refTo('m1') });
  let n = 0;
  let firstAt = 0;
  for (;;) {
    const s = await call.next();
    if (s.done) {
      console.log(
        JSON.stringify({ a: s.value.added, r: s.value.removed, c: s.value.changed, m: s.value.moved }),
      );
      break;
    }
    n++;
    firstAt ||= performance.now() - t;
  }
  console.log(
    'diff',
    n,
    ((performance.now() - t) / 1000).toFixed(2),
    's, first',
    (firstAt / 1000).toFixed(2),
    'cpu',
    process.threadCpuUsage(c0).user / 1e6,
  );
}
const t = performance.now();
const l = await listEntries(ports, { ref: refTo('m0'), prefix: 'train', limit: 1000 });
console.log('ls', l.items.length, (performance.now() - t).toFixed(0), 'ms');
const t3 = performance.now();
await listEntries(ports, { ref: refTo('m0'), prefix: 'train/class-00100', limit: 100 });
console.log('ls leaf', (performance.now() - t3).toFixed(0), 'ms');
console.log('rss', process.memoryUsage.rss() / 1e6);
void memoryDigests;
void exportManifest;
