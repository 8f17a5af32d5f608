import { createManifestFiles } from '../src/index.ts';
import { FileObject } from './manifest-data.ts';

/** Opens a manifest and looks up one path. Arguments: file, its size, footer bytes and footer crc32, the path. */
export async function lookupOnce(
  args: readonly string[],
): Promise<{ ms: number; digest: string | undefined }> {
  const [key = '', sizeBytes, footerBytes, footerCrc32, wanted = ''] = args;
  const startMs = performance.now();
  const manifest = await createManifestFiles().openManifest(new FileObject(key, Number(sizeBytes)), {
    key,
    sizeBytes: Number(sizeBytes),
    footerBytes: Number(footerBytes),
    footerCrc32: Number(footerCrc32),
  });
  const entry = await manifest.lookup(wanted);
  return { ms: performance.now() - startMs, digest: entry?.digest };
}

// In a process of its own nothing is compiled yet, as when a command looks up one path.
if (import.meta.main) process.stdout.write(JSON.stringify(await lookupOnce(process.argv.slice(2))));
