import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IngestSpec } from '@waybill/core';

export const CLOCK = { nowMs: Date.now };

/** A folder of its own that goes when the test does. */
export async function testFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'waybill-catalog-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function ingestInto(entity: string): IngestSpec {
  return {
    ingestId: `i${randomBytes(10).toString('hex')}`,
    artifact: { entity, project: 'p', name: 'n' },
    type: 'dataset',
    digestAlgorithm: undefined,
    aliases: [],
    description: undefined,
    metadata: undefined,
    sources: [],
    options: {
      include: [],
      exclude: [],
      followLinks: true,
      strict: false,
      useStatCache: true,
      reuse: 'latest',
    },
    fingerprint: 'f',
  };
}
