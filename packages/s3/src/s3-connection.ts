import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { loadConfig, NODE_REGION_CONFIG_FILE_OPTIONS, NODE_REGION_CONFIG_OPTIONS } from '@smithy/core/config';

import { ArtifactError } from '@waybill/core';
import { type RetryPolicy, USUAL_RETRIES } from './backoff.ts';
import { findEndpoint } from './find-endpoint.ts';
import { S3Client } from './s3-client.ts';
import type { S3Credentials } from './sigv4.ts';
import { parseStoreUrl, type S3Location } from './store-url.ts';

/** Everything but the URL is found as every AWS tool finds it: in the environment, in profiles, at the machine's role. */
export interface S3Connection {
  /** `s3://bucket` or `s3://bucket/prefix` */
  readonly url: string;
  /** Of a server other than AWS. */
  readonly endpoint?: string;
  readonly region?: string;
  readonly credentials?: S3Credentials;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`; by default for every server but AWS. */
  readonly pathStyle?: boolean;
  /** Requests in flight at the most. @default 64 */
  readonly requestsMax?: number;
  readonly retries?: RetryPolicy;
}

const REQUESTS_MAX = 64;
const DEFAULT_REGION = 'us-east-1';
/** Credentials are renewed so long before they end. */
const EXPIRY_MARGIN_MS = 300_000;
/** What may be a label of a host name: without dots, which no certificate of AWS covers. */
const HOST_LABEL = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;

/** @throws ArtifactError `INVALID_ARGUMENT` for a URL or endpoint that is none */
export async function openS3Client(connection: S3Connection): Promise<S3Client> {
  const location = parseStoreUrl(connection.url);
  const { region, configured } = await findServer(connection, location);
  const endpoint = configured ?? awsEndpoint(region);
  const isVirtualHost = configured === undefined && HOST_LABEL.test(location.bucket);
  return new S3Client({
    location,
    region,
    endpoint,
    pathStyle: connection.pathStyle ?? !isVirtualHost,
    credentials: credentialSource(connection, location),
    retries: connection.retries ?? USUAL_RETRIES,
    requestsMax: connection.requestsMax ?? REQUESTS_MAX,
  });
}

async function findServer(
  connection: S3Connection,
  location: S3Location,
): Promise<{ region: string; configured: URL | undefined }> {
  try {
    const endpoint = connection.endpoint ?? (await findEndpoint());
    return {
      region: connection.region ?? (await findRegion(endpoint !== undefined)),
      configured: endpoint === undefined ? undefined : parseEndpoint(endpoint),
    };
  } catch (error) {
    if (error instanceof ArtifactError) throw error;
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      `cannot find the server of bucket ${location.bucket}: ${messageOf(error)}; set AWS_REGION, or AWS_ENDPOINT_URL for another server than AWS`,
      { cause: error, details: { subject: location.bucket } },
    );
  }
}

/** Servers other than AWS take any region, so nobody needs to name one. */
function findRegion(isOtherServer: boolean): Promise<string> {
  const selectors = isOtherServer
    ? { ...NODE_REGION_CONFIG_OPTIONS, default: DEFAULT_REGION }
    : NODE_REGION_CONFIG_OPTIONS;
  return loadConfig(selectors, NODE_REGION_CONFIG_FILE_OPTIONS)();
}

function parseEndpoint(text: string): URL {
  const url = URL.parse(text);
  const isUsable =
    (url?.protocol === 'http:' || url?.protocol === 'https:') && url.username === '' && url.search === '';
  if (url !== null && isUsable) return url;
  throw new ArtifactError(
    'INVALID_ARGUMENT',
    'the endpoint of S3 is not http://host:port or https://host:port; correct AWS_ENDPOINT_URL',
  );
}

/** "Amazon S3 endpoints" of the AWS General Reference. */
function awsEndpoint(region: string): URL {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return new URL(`https://s3.${region}.${domain}`);
}

/** Asked before every request, so an answer is kept as long as it is good. */
function credentialSource(
  { credentials }: S3Connection,
  { bucket }: S3Location,
): (options: { refresh: boolean }) => Promise<S3Credentials> {
  if (credentials !== undefined) return () => Promise.resolve(credentials);
  let provide = defaultProvider();
  let kept: Promise<S3Credentials> | undefined;
  let goodUntilMs = 0;
  const find = async (): Promise<S3Credentials> => {
    try {
      const found = await provide();
      goodUntilMs = (found.expiration?.getTime() ?? Infinity) - EXPIRY_MARGIN_MS;
      return found;
    } catch (error) {
      kept = undefined;
      throw noCredentials(error, bucket);
    }
  };
  return ({ refresh }) => {
    if (refresh) provide = defaultProvider();
    if (kept === undefined || refresh || Date.now() >= goodUntilMs) {
      goodUntilMs = Infinity;
      kept = find();
    }
    return kept;
  };
}

function noCredentials(error: unknown, bucket: string): ArtifactError {
  return new ArtifactError(
    'PERMISSION',
    `no credentials for bucket ${bucket}: ${messageOf(error)}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE`,
    { cause: error, details: { subject: bucket } },
  );
}

function messageOf(error: unknown): string {
  return (Error.isError(error) ? error.message : String(error)).replace(/\.$/, '');
}
