import { mayMoveIngest, parseBlobKey, parseIngestOfKey, storeKeys } from '@waybill/core';
import { describe, expect, it } from 'vitest';

const hex = '5d41402abc4b2a76b9719d911017c592';

describe('store keys', () => {
  it('tell algorithm and digest of a blob, and nothing of other keys', () => {
    const key = storeKeys.blob('local', { algorithm: 'MD5', hex, unique: 'abc123' });
    expect(key).toBe(`local/blobs/md5/5d/${hex}-abc123`);
    expect(parseBlobKey(key)).toEqual({ algorithm: 'MD5', hex });
    expect(parseBlobKey(key.replace('/5d/', '/5e/'))).toBeUndefined();
    expect(parseBlobKey('local/packs/abc')).toBeUndefined();
  });

  it('tell the ingest that owns a manifest or a staged object', () => {
    expect(parseIngestOfKey(storeKeys.manifest('e', { ingestId: 'abc1', fence: 3 }))).toBe('abc1');
    expect(
      parseIngestOfKey(storeKeys.segment('e', { ingestId: 'abc1', shardId: 1, attempt: 2, unique: 'q' })),
    ).toBe('abc1');
    expect(parseIngestOfKey(storeKeys.list('e', { ingestId: 'abc1', unique: 'q' }))).toBe('abc1');
    expect(parseIngestOfKey('e/packs/abc')).toBeUndefined();
  });
});

describe('ingest states', () => {
  it('never leave COMMITTED or CANCELLED', () => {
    for (const to of ['PLANNING', 'RUNNING', 'FINALIZING', 'FAILED', 'CANCELLING'] as const) {
      expect(mayMoveIngest('COMMITTED', to)).toBe(false);
      expect(mayMoveIngest('CANCELLED', to)).toBe(false);
    }
    expect(mayMoveIngest('CANCELLING', 'COMMITTED')).toBe(false);
    expect(mayMoveIngest('FINALIZING', 'COMMITTED')).toBe(true);
  });
});
