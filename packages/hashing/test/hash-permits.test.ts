import { expect, test } from 'vitest';
import { HashPermits } from '../src/hash-permits.ts';

test('permits are taken, counted and given back', () => {
  const permits = HashPermits.create(2);
  const attached = HashPermits.attach(permits.shared);
  permits.acquire();
  expect(attached.free).toBe(1);
  attached.acquire();
  expect(permits.free).toBe(0);
  permits.release();
  attached.release();
  expect(permits.free).toBe(2);
});

test('releasing what is not held is a mistake', () => {
  expect(() => HashPermits.create(1).release()).toThrow('hashing-permit-release');
});

test('there is at least one permit', () => {
  expect(() => HashPermits.create(0)).toThrow('hashing-permit-count');
});

test('only the permits of the thread that died are taken back', () => {
  const permits = HashPermits.create(3);
  permits.acquire();
  expect(permits.reclaim(12345)).toBe(0);
  expect(permits.free).toBe(2);
});
