// One lookup in a process of its own, as `waybill cat` does it: nothing compiled, nothing cached, page cache warm.

import { createManifestFiles } from '../src/index.ts';
import { FileObject } from './manifest-data.ts';

const [path = '', sizeBytes, footerBytes, footerCrc32, wanted = ''] = process.argv.slice(2);

const start = performance.now();
const object = new FileObject(path, Number(sizeBytes));
const manifest = await createManifestFiles().openManifest(object, {
  key: path,
  sizeBytes: Number(sizeBytes),
  footerBytes: Number(footerBytes),
  footerCrc32: Number(footerCrc32),
});
const entry = await manifest.lookup(wanted);
const ms = performance.now() - start;
process.stdout.write(JSON.stringify({ ms, digest: entry?.digest }));
