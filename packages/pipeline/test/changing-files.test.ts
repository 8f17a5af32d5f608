import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { ArtifactError } from '@waybill/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openThreadShop, type ThreadShop } from './thread-shop.ts';

let shop: ThreadShop;

beforeEach(async () => {
  shop = await openThreadShop();
});

afterEach(() => {
  shop[Symbol.dispose]();
});

function md5(content: string | Uint8Array): Buffer {
  return createHash('md5').update(content).digest();
}

function replaceByPipe(path: string): void {
  rmSync(path);
  execFileSync('mknod', [path, 'p']);
}

describe.each([
  ['at first sight', false],
  ['after a look', true],
])('a small file read %s', (_how, cached) => {
  it('that changes while it is read is read again, and its second content counts', async () => {
    shop.write('a', 'first');
    shop.write('b', 'beside');
    const changeOnce = ({ path, times }: { path: string; times: number }): void => {
      if (path === shop.path('a') && times === 1) shop.write('a', 'second content');
    };
    const output = await shop.batch(['a', 'b'], { cached, meddle: { read: changeOnce } });
    expect(output).toMatchObject({ notices: [], counts: { files: 2, bytes: 20, bytesHashed: 20 } });
    expect(Buffer.concat(shop.stored).toString()).toBe('second contentbeside');
    const [packed] = output.packed;
    expect(Buffer.from(packed?.blobs.digests.slice(0, 16) ?? [])).toEqual(md5('second content'));
  });

  it('that keeps changing fails, and the others do not', async () => {
    shop.write('a', '-');
    shop.write('b', 'beside');
    const grow = ({ path }: { path: string }): void => {
      if (path === shop.path('a')) appendFileSync(path, '-');
    };
    const output = await shop.batch(['a', 'b'], { cached, meddle: { read: grow } });
    expect(output.notices).toMatchObject([{ severity: 'failed', reason: 'changed', path: shop.path('a') }]);
    expect(output.notices[0]?.message).toContain('kept changing');
    expect(output.counts).toMatchObject({ files: 1 });
    expect(Buffer.concat(shop.stored).toString()).toBe('beside');
  });

  it('that is gone, or a folder, or a pipe by now fails', async () => {
    shop.write('a', 'content');
    const kinds = { folder: () => mkdirSync(shop.path('b')), pipe: () => replaceByPipe(shop.path('c')) };
    shop.write('c', 'content');
    kinds.folder();
    kinds.pipe();
    const output = await shop.batch(['a', 'b', 'c', 'gone'], { cached });
    expect(output.notices).toMatchObject([
      { reason: 'changed', path: shop.path('b') },
      { reason: 'changed', path: shop.path('c') },
      { reason: 'vanished', path: shop.path('gone') },
    ]);
    for (const { severity, message } of output.notices) {
      expect(severity).toBe('failed');
      expect(message).toMatch(/run the command again/);
    }
    expect(output).toMatchObject({ consumed: 4, counts: { files: 1 } });
  });
});

describe('what takes the place of a small file between the look at it and its reading', () => {
  it.each(['', 'content'])('is no empty file when it is a pipe (instead of %j)', async (content) => {
    shop.write('a', content);
    const replace = ({ path, times }: { path: string; times: number }): void => {
      if (times === 1) replaceByPipe(path);
    };
    const output = await shop.batch(['a'], { cached: true, meddle: { open: replace } });
    expect(output.notices).toMatchObject([{ severity: 'failed', reason: 'changed', path: shop.path('a') }]);
    expect(output.notices[0]?.message).toContain('no longer a regular file');
    expect(output).toMatchObject({ counts: { files: 0 }, parts: [] });
  });
});

describe('a large file', () => {
  it('that changes while it is read says so, and is not taken', () => {
    shop.write('big', 'x'.repeat(3_000_000));
    const grow = ({ times }: { times: number }): void => {
      if (times === 1) appendFileSync(shop.path('big'), 'more');
    };
    const { results } = shop.large('big', { meddle: { read: grow } });
    expect(results).toMatchObject([{ kind: 'failed', notice: { reason: 'changed' } }]);
    expect(shop.large('big').results).toMatchObject([{ kind: 'hashed', sizeBytes: 3_000_004 }]);
  });

  it('that cannot be read any further says why, and that it changed only if it did', () => {
    shop.write('big', 'x'.repeat(3_000_000));
    shop.write('mate', 'y'.repeat(100_000));
    const fail = ({ path }: { path: string }): void => {
      if (path === shop.path('big')) throw new ArtifactError('SOURCE_UNREADABLE', 'the disk is broken');
    };
    const { results } = shop.large('big', { mates: ['mate'], meddle: { read: fail } });
    expect(results).toMatchObject([
      { kind: 'failed', notice: { reason: 'unreadable', message: 'the disk is broken' } },
      { kind: 'hashed', sizeBytes: 100_000 },
    ]);
  });

  it('whose place a pipe or a folder took is no empty file', () => {
    shop.write('big', 'x');
    replaceByPipe(shop.path('big'));
    mkdirSync(shop.path('folder'));
    const { results } = shop.large('big', { mates: ['folder'] });
    for (const result of results) {
      expect(result).toMatchObject({ kind: 'failed', notice: { severity: 'failed', reason: 'changed' } });
    }
  });

  it('counts its bytes while they are read, from zero when it is read anew', () => {
    shop.write('big', 'x'.repeat(3_000_000));
    const counter = new SharedArrayBuffer(8);
    const bytes = new BigInt64Array(counter);
    const seen: bigint[] = [];
    const look = (): void => void seen.push(bytes[0] ?? -1n);
    shop.large('big', { counter, meddle: { open: look, read: look } });
    expect(seen.length).toBeGreaterThan(3);
    expect(seen).toEqual(seen.toSorted((a, b) => Number(a - b)));
    expect(bytes[0]).toBe(3_000_000n);
    seen.length = 0;
    shop.large('big', { counter, meddle: { open: look } });
    expect(seen).toEqual([0n]);
  });
});
