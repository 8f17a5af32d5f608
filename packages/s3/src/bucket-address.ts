import { encodeUriPart } from './uri-encoding.ts';

/** Where requests to a bucket go. */
export interface BucketAddress {
  /** Scheme, host and port. */
  readonly origin: string;
  /** As in the Host header: without a port that the scheme implies. */
  readonly host: string;
  /** Encoded, before `/key`; empty or beginning with `/`. */
  readonly path: string;
}

/** "Virtual hosting of buckets" of the Amazon S3 User Guide: the bucket is in the host name or begins the path. */
export function bucketAddress(of: { endpoint: URL; bucket: string; pathStyle: boolean }): BucketAddress {
  const { endpoint, bucket } = of;
  const top = endpoint.pathname.replace(/\/$/, '');
  if (of.pathStyle) {
    return { origin: endpoint.origin, host: endpoint.host, path: `${top}/${encodeUriPart(bucket)}` };
  }
  const host = `${bucket}.${endpoint.host}`;
  return { origin: `${endpoint.protocol}//${host}`, host, path: top };
}
