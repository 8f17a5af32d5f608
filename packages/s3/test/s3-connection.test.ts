import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openS3Client, type S3Connection } from '../src/s3-connection.ts';
import { expectCode } from './expect-code.ts';

let folder: string;
const headersSeen: Record<string, string | string[] | undefined>[] = [];
const server = createServer((request, response) => {
  headersSeen.push({ ...request.headers, path: request.url });
  response.writeHead(404).end();
});
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve).unref();
});
const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-s3-'));
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  headersSeen.length = 0;
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** The one request that looking at an object is. */
async function look(connection: S3Connection): Promise<Record<string, string | string[] | undefined>> {
  await using client = await openS3Client(connection);
  const request = { operation: 'look', key: 'e/a', method: 'HEAD', statuses: [404] } as const;
  await client.send(request, ({ body }) => body.dump());
  return headersSeen[0] ?? {};
}

const url = 's3://bucket/p';

describe('the server of a store', () => {
  test('comes from the environment', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', `${endpoint}/below`);
    vi.stubEnv('AWS_REGION', 'eu-west-3');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'FROMENV');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    vi.stubEnv('AWS_SESSION_TOKEN', 'a-token');
    const seen = await look({ url });
    expect(seen['path']).toBe('/below/bucket/p/e/a');
    expect(seen['authorization']).toMatch(/Credential=FROMENV\/\d{8}\/eu-west-3\/s3\/aws4_request/);
    expect(seen['x-amz-security-token']).toBe('a-token');
  });

  test('comes from a profile', async () => {
    const config = `[profile other]\nregion = us-west-2\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = ${endpoint}\n`;
    await writeFile(join(folder, 'config'), config);
    const keys = '[other]\naws_access_key_id = FROMFILE\naws_secret_access_key = secret\n';
    await writeFile(join(folder, 'credentials'), keys);
    vi.stubEnv('AWS_PROFILE', 'other');
    const seen = await look({ url });
    expect(seen['authorization']).toMatch(/Credential=FROMFILE\/\d{8}\/us-west-2\//);
  });

  test('needs no region when it is not AWS', async () => {
    const credentials = { accessKeyId: 'A', secretAccessKey: 'B' };
    const seen = await look({ url, endpoint, credentials });
    expect(seen['authorization']).toContain('/us-east-1/s3/');
    const error = await expectCode(() => openS3Client({ url, credentials }), 'INVALID_ARGUMENT');
    expect(error.message).toContain('set AWS_REGION');
  });

  test('must be one', async () => {
    for (const wrong of ['nonsense', 'ftp://x', 'http://user:password@host']) {
      const error = await expectCode(() => openS3Client({ url, endpoint: wrong }), 'INVALID_ARGUMENT');
      expect(error.message).toContain('correct AWS_ENDPOINT_URL');
      expect(error.message).not.toContain('password');
    }
  });

  test.for([
    ['bucket', {}, 'https://bucket.s3.eu-west-1.amazonaws.com', ''],
    ['bucket', { region: 'cn-north-1' }, 'https://bucket.s3.cn-north-1.amazonaws.com.cn', ''],
    // No certificate of AWS covers a name with dots.
    ['my.bucket', {}, 'https://s3.eu-west-1.amazonaws.com', '/my.bucket'],
    ['Old_Bucket', {}, 'https://s3.eu-west-1.amazonaws.com', '/Old_Bucket'],
    ['bucket', { pathStyle: true }, 'https://s3.eu-west-1.amazonaws.com', '/bucket'],
    ['bucket', { endpoint: 'http://localhost:9000' }, 'http://localhost:9000', '/bucket'],
    ['bucket', { endpoint: 'https://host:443/s3/' }, 'https://host', '/s3/bucket'],
    ['bucket', { endpoint: 'http://host:9000', pathStyle: false }, 'http://bucket.host:9000', ''],
  ] as const)('of bucket %s with %o is %s', async ([bucket, change, origin, path]) => {
    const credentials = { accessKeyId: 'A', secretAccessKey: 'B' };
    const region = 'eu-west-1';
    await using client = await openS3Client({ url: `s3://${bucket}/p`, region, credentials, ...change });
    expect(client.address).toEqual({ origin, host: new URL(origin).host, path });
  });

  test('is asked nothing without credentials', async () => {
    const error = await expectCode(() => look({ url, endpoint }), 'PERMISSION');
    expect(error.message).toMatch(/no credentials for bucket bucket: .*; set AWS_ACCESS_KEY_ID/);
    expect(headersSeen).toEqual([]);
  });
});
