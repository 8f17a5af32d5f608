import { ArtifactError } from '@waybill/core';

/** Where a store lies. */
export interface S3Location {
  readonly bucket: string;
  /** Before every key: empty, or ending in `/`. */
  readonly prefix: string;
}

/** "General purpose bucket naming rules" of the Amazon S3 User Guide, and the older names that are still around. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/;
const CONTROL = /\p{Cc}/u;
/** S3 allows keys of 1,024 UTF-8 bytes; ours need up to 400 of them. */
const PREFIX_BYTES_MAX = 600;

/**
 * Reads `s3://bucket` or `s3://bucket/prefix`. The prefix is taken as it stands, as other S3 tools do: nothing is
 * percent-decoded.
 *
 * @throws ArtifactError `INVALID_ARGUMENT`
 */
export function parseStoreUrl(url: string): S3Location {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/su.exec(url) ?? [];
  if (!BUCKET.test(bucket)) throw badUrl(url, 'it names no bucket');
  const prefix = path.replace(/\/$/, '');
  if (prefix === '') return { bucket, prefix: '' };
  if (CONTROL.test(prefix) || !prefix.isWellFormed()) throw badUrl(url, 'its prefix has control characters');
  if (prefix.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw badUrl(url, 'a part of its prefix is empty, "." or ".."');
  }
  if (Buffer.byteLength(prefix) > PREFIX_BYTES_MAX) {
    throw badUrl(url, `its prefix is longer than ${PREFIX_BYTES_MAX} bytes`);
  }
  return { bucket, prefix: `${prefix}/` };
}

/** The reverse: for messages, without the last `/`. */
export function formatStoreUrl({ bucket, prefix }: S3Location): string {
  return prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix.slice(0, -1)}`;
}

function badUrl(url: string, problem: string): ArtifactError {
  return new ArtifactError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(url)} is no S3 store: ${problem}; write s3://bucket or s3://bucket/prefix`,
    { details: { subject: url } },
  );
}
