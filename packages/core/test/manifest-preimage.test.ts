import { createHash } from 'node:crypto';
import { compareUtf8, type Entry, MANIFEST_PREIMAGE_HEADER, manifestPreimageLines } from '@waybill/core';
import { describe, expect, it } from 'vitest';

const HELLO = 'XUFAKrxLKna5cZ2REBfFkg==';
const MY = 'aGTzidmHZDa8h3j/Bx0bbA==';
const DUDE = 'E7c+2uhEOZC+GqjxpIO8Jw==';
const MOCK = '1234567890abcde';

/** Contents and logical digests as W&B's own tests assert them. */
const VECTORS: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
  [{}, '64e7c61456b10382e2f3b571ac24b659'],
  [{ 'file1.txt': HELLO }, 'a00c2239f036fb656c1dcbf9a32d89b4'],
  [{ 'great-file.txt': HELLO }, '585b9ada17797e37c9cbab391e69b8c5'],
  [{ 'subdir/file1.txt': HELLO }, 'a757208d042e8627b2970d72a71bed5b'],
  [
    { 'file1.txt': HELLO, 'nest/file2.txt': MY, 'nest/nest/file3.txt': DUDE },
    '72414374bfd4b0f60a116e7267845f71',
  ],
  [
    { 'top/file1.txt': HELLO, 'top/nest/file2.txt': MY, 'top/nest/nest/file3.txt': DUDE },
    'f718baf2d4c910dc6ccd0d9c586fa00f',
  ],
  [{ 'file1.txt': '5No7f7vOI0XXdysGdKMY1Q==' }, '415f3bca4b095cbbbbc47e0d44079e05'],
  [{ 'file1.txt': 's3://my_bucket/file1.txt' }, '52631787ed3579325f985dc0f2374040'],
  [{ ref: 'ref://example.com/somefile.txt' }, '410ade94865e89ebe1f593f4379ac228'],
  [{ 'my_object.pb': MOCK }, '8aec0d6978da8c2b0bf5662b3fd043a4'],
  [{ 'renamed.pb': MOCK }, 'bd85fe009dc9e408a5ed9b55c95f47b2'],
  [{ 'my_object.pb': MOCK, 'my_other_object.pb': MOCK }, '17955d00a20e1074c3bc96c74b724bfe'],
  [{ 'file1.txt': 'abc' }, '48237ccc050a88af9dcd869dd5a7e9f4'],
];

describe('logical digest preimage', () => {
  it.each(VECTORS)('of %j hashes to %s', (contents, digest) => {
    const entries: Entry[] = Object.entries(contents)
      .map(([path, entryDigest]) => ({ path, digest: entryDigest, sizeBytes: undefined }))
      .sort((a, b) => compareUtf8(a.path, b.path));
    const hash = createHash('md5').update(MANIFEST_PREIMAGE_HEADER).update(manifestPreimageLines(entries));
    expect(hash.digest('hex')).toBe(digest);
  });
});
