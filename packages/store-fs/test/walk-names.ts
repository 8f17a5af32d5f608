import {
  compareUtf8,
  decodeNames,
  type IngestOptions,
  type IngestSource,
  type LocalSource,
  type NewNotice,
} from '@waybill/core';
import { expect } from 'vitest';
import { createLocalSource, type LocalSourceOptions, type RunWalk, walkInThread } from '../src/index.ts';

/** Runs walk tasks here, over copies, as a thread would get them. */
export const runHere: RunWalk = async (input) => structuredClone(walkInThread(structuredClone(input)));

export function sourceOf(root: string, change: Partial<IngestSource> = {}): IngestSource {
  return { kind: 'directory', mode: 'store', given: root, path: root, into: '', ...change };
}

export interface WalkCase extends Partial<Pick<IngestOptions, 'include' | 'exclude' | 'followLinks'>> {
  readonly root: string;
  readonly source?: Partial<IngestSource>;
  readonly run?: RunWalk;
  readonly limits?: NonNullable<LocalSourceOptions['limits']>;
}

export function localSource(walk: Pick<WalkCase, 'root' | 'run' | 'limits'>): LocalSource {
  return createLocalSource({
    run: walk.run ?? runHere,
    scratchFolder: `${walk.root}.scratch`,
    ...(walk.limits === undefined ? {} : { limits: walk.limits }),
  });
}

/** A whole walk; checks what holds for every walk on the way. */
export async function walkNames(walk: WalkCase): Promise<{ names: string[]; notices: NewNotice[] }> {
  const { include = [], exclude = [], followLinks = true } = walk;
  const names: string[] = [];
  const notices: NewNotice[] = [];
  const batchEntries = walk.limits?.batchEntries ?? 1_000;
  const chunks = localSource(walk).walk(sourceOf(walk.root, walk.source), { include, exclude, followLinks });
  for await (const chunk of chunks) {
    const decoded = decodeNames(chunk.names);
    expect(decoded).toHaveLength(chunk.count);
    expect(chunk.count).toBeLessThanOrEqual(batchEntries);
    expect(chunk.count + chunk.notices.length).toBeGreaterThan(0);
    for (const name of decoded) {
      const before = names.at(-1);
      if (before !== undefined && compareUtf8(before, name) >= 0) {
        throw new Error(`${JSON.stringify(name)} comes behind ${JSON.stringify(before)}`);
      }
      names.push(name);
    }
    notices.push(...chunk.notices);
  }
  return { names, notices };
}
