import { encodeNames, type HashStream, type SourceFile, type TargetRoot } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import { compareFiles } from '../src/thread/compare-files.ts';
import { hashContents, type LargeContent } from '../src/thread/large-contents.ts';
import { SpanBatch } from '../src/thread/span-batch.ts';
import { writeFiles } from '../src/thread/write-files.ts';
import { createMemoryDigest, createMemoryHasher, digestOf, memoryDigests } from './memory-digests.ts';
import { MemoryFiles } from './memory-files.ts';
import { MemoryStore } from './memory-store.ts';
import { bytesOf, errorOf } from './memory-world.ts';

const signal = { throwIfAborted: () => undefined };

describe('SpanBatch', () => {
  test('visits every item once, in order, however many there are', () => {
    const seen: string[] = [];
    const batch = new SpanBatch<string>(createMemoryHasher(10_000), 'MD5', (item, content, digest) => {
      expect(digest.toHex()).toBe(digestOf(content).toHex());
      expect(Buffer.from(content).toString()).toBe(item);
      seen.push(item);
    });
    const items = Array.from({ length: 5_000 }, (_, index) => `${index}`.slice(0, index % 4));
    for (const item of items) {
      const { base, target } = batch.reserve(item.length);
      target.set(bytesOf(item));
      batch.add(item, { offset: base, length: item.length });
    }
    batch.flush();
    batch.flush();
    expect(seen).toEqual(items);
  });

  test('a content asked for several times is hashed once', () => {
    let spans = 0;
    const hasher = createMemoryHasher(100);
    const counting = {
      ...hasher,
      hashSpans: (...args: Parameters<typeof hasher.hashSpans>) => {
        spans += args[0].count;
        return hasher.hashSpans(...args);
      },
    };
    const seen: number[] = [];
    const batch = new SpanBatch<number>(counting, 'MD5', (item) => void seen.push(item));
    const { base } = batch.reserve(10);
    for (let item = 0; item < 5_000; item++) batch.add(item, { offset: base, length: 10 });
    batch.flush();
    expect(seen).toHaveLength(5_000);
    expect(spans).toBe(1);
  });

  test('more than fits is a mistake of the caller', () => {
    const batch = new SpanBatch<number>(createMemoryHasher(100), 'MD5', () => undefined);
    expect(() => batch.reserve(101)).toThrow('span-batch-room');
  });
});

describe('writeFiles', () => {
  test('writes more blobs of several objects than are hashed together', async () => {
    const store = new MemoryStore();
    const files = new MemoryFiles();
    const wanted = new Map<string, string>();
    const objects = ['x', 'y'].map((key) => {
      const names = Array.from({ length: 700 }, (_, index) => `${key}${index}`);
      for (const name of names) wanted.set(name, name.padStart(5, '.'));
      const contents = names.map((name) => bytesOf(name.padStart(5, '.')));
      store.objects.set(key, new Uint8Array(Buffer.concat(contents)));
      const digests = new Uint8Array(Buffer.concat(contents.map((content) => digestOf(content))));
      const offsets = Float64Array.from(names, (_, index) => index * 5);
      return { key, names: encodeNames(names), blobs: { digests, offsets, lengths: offsets.map(() => 5) } };
    });
    const ports = {
      store: store.forThreads({ later: false }),
      targets: files.targets,
      hasher: createMemoryHasher(10_000),
      files: files.sources,
      digests: memoryDigests,
      signal,
    };
    const output = await writeFiles(ports, { root: '/r', algorithm: 'MD5', replace: false, objects });
    expect(output).toEqual({ written: 1_400, bytes: 7_000, failures: [] });
    const found = [...files.files('/r')].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]);
    expect(new Map(found as [string, string][])).toEqual(wanted);
  });
});

describe('hashContents', () => {
  test('gives very large contents to the hasher one by one, others as many as there are lanes', () => {
    const groups: number[][] = [];
    const hashStreams = (streams: readonly HashStream[]) => {
      groups.push(streams.map(({ sizeBytes }) => sizeBytes));
      for (const stream of streams) {
        const digest = createMemoryDigest('MD5');
        const buffer = new Uint8Array(8);
        for (let length = stream.read(buffer); length > 0; length = stream.read(buffer))
          digest.update(buffer.subarray(0, length));
        stream.end(digest.digest());
      }
    };
    const finished: string[] = [];
    const contentOf = (sizeBytes: number): LargeContent => ({
      sizeBytes,
      open: () => {
        let left = bytesOf(`content of ${sizeBytes}`);
        return {
          read(target) {
            const length = Math.min(target.length, left.length);
            target.set(left.subarray(0, length));
            left = left.subarray(length);
            return length;
          },
          take: () => undefined,
          finish: (digest) => void finished.push(digest.toHex()),
          [Symbol.dispose]: () => undefined,
        };
      },
      failed: (error) => {
        throw error;
      },
    });
    const sizes = [...Array.from({ length: 18 }, (_, index) => 5_000_000 + index), 70_000_000, 80_000_000];
    hashContents({ hasher: { ...createMemoryHasher(1), hashStreams }, signal }, sizes.map(contentOf), 'MD5');
    expect(groups.map(({ length }) => length)).toEqual([16, 2, 1, 1]);
    expect(finished).toEqual(sizes.map((size) => digestOf(`content of ${size}`).toHex()));
  });
});

describe('compareFiles', () => {
  function compare(files: MemoryFiles, open: (root: TargetRoot) => TargetRoot, content: string): number[] {
    const targets = { openRoot: (root: string) => open(files.targets.openRoot(root)) };
    const ports = {
      store: {
        open: () => {
          throw new Error('no store');
        },
      },
      targets,
      hasher: createMemoryHasher(100),
      files: files.sources,
      digests: memoryDigests,
      signal,
    };
    const { states } = compareFiles(ports, {
      root: '/r',
      algorithm: 'MD5',
      names: encodeNames(['f']),
      digests: digestOf(content),
      sizes: Float64Array.of(content.length),
    });
    return [...states];
  }

  test('a file that becomes shorter while it is read is different', () => {
    const files = new MemoryFiles();
    files.writeFile('/r/f', bytesOf('ab'));
    const shrinking = (root: TargetRoot): TargetRoot => ({
      writeFile: root.writeFile.bind(root),
      createFile: root.createFile.bind(root),
      openFile: (path) => {
        const lookup = root.openFile(path);
        if (lookup.kind !== 'file') return lookup;
        const { file } = lookup;
        const longer: SourceFile = {
          ...file,
          stat: () => ({ ...file.stat(), sizeBytes: 4 }),
          read: file.read,
          [Symbol.dispose]: file[Symbol.dispose],
        };
        return { ...lookup, file: longer };
      },
      [Symbol.dispose]: root[Symbol.dispose].bind(root),
    });
    // The memory it is read into still holds what would make it right.
    expect(compare(files, shrinking, 'ab\0\0')).toEqual([2]);
  });

  test('stops between files when it is told to', async () => {
    const files = new MemoryFiles();
    const ports = {
      store: {
        open: () => {
          throw new Error('no store');
        },
      },
      targets: files.targets,
      hasher: createMemoryHasher(100),
      files: files.sources,
      digests: memoryDigests,
    };
    const controller = new AbortController();
    controller.abort(new Error('stop'));
    const input = {
      root: '/r',
      algorithm: 'MD5',
      names: encodeNames(['f']),
      digests: digestOf(''),
      sizes: Float64Array.of(0),
    } as const;
    await expect(
      errorOf(async () => compareFiles({ ...ports, signal: controller.signal }, input)),
    ).rejects.toThrow('stop');
  });
});
