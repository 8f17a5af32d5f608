import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Embedded, openEmbedded } from '@waybill/embedded';
import type { IngestRequest } from '@waybill/pipeline';

/** A folder with a source tree and an embedded Waybill, real files and threads. */
export interface Workshop extends AsyncDisposable {
  readonly top: string;
  readonly tree: string;
  readonly ports: Embedded;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  request(change?: Partial<IngestRequest>): IngestRequest;
}

export async function openWorkshop(): Promise<Workshop> {
  const top = mkdtempSync(join(tmpdir(), 'waybill-pipeline-'));
  const tree = join(top, 'tree');
  mkdirSync(tree);
  const ports = await openEmbedded({ home: join(top, 'home'), threads: 2 });
  return {
    top,
    tree,
    ports,
    write(files) {
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(tree, name)), { recursive: true });
        writeFileSync(join(tree, name), content);
      }
    },
    request: (change = {}) => ({
      artifact: { entity: 'local', project: 'default', name: 'data' },
      type: 'dataset',
      aliases: [],
      paths: [tree],
      into: '',
      workingFolder: top,
      ...change,
      options: {
        include: [],
        exclude: [],
        followLinks: true,
        strict: false,
        useStatCache: true,
        reuse: 'latest',
        ...change.options,
      },
    }),
    async [Symbol.asyncDispose]() {
      await ports[Symbol.asyncDispose]();
      rmSync(top, { recursive: true, force: true });
    },
  };
}

/** A fault point that throws once, the first time the named place is reached: the closest thing to dying there. */
export function failOnceAt(ports: Embedded, name: string): Embedded {
  let armed = true;
  const faults = {
    reach(point: string): void {
      if (!armed || point !== name) return;
      armed = false;
      throw new Error(`stopped at ${name}`);
    },
  };
  return Object.create(ports, { faults: { value: faults } }) as Embedded;
}

/** Ctrl-C at the n-th time a place is reached. */
export function stopAt(ports: Embedded, place: { name: string; time: number }): [Embedded, AbortSignal] {
  const stopped = new AbortController();
  let left = place.time;
  const reach = (point: string): void => {
    if (point === place.name && --left === 0) stopped.abort();
  };
  const stopping = Object.create(ports, { faults: { value: { reach } } }) as Embedded;
  return [stopping, stopped.signal];
}
