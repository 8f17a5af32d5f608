import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deriveSigningKey, SigV4Signer } from '../src/sigv4.ts';
import { encodeQuery, encodeUriPart, encodeUriPath } from '../src/uri-encoding.ts';

const CREDENTIALS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const NOW = new Date('2013-05-24T00:00:00Z');
const HOST = { host: 'examplebucket.s3.amazonaws.com' };
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** "Examples: Signature Calculations" of the Amazon S3 API Reference. */
const EXAMPLES = [
  {
    name: 'GET Object',
    request: { method: 'GET', path: '/test.txt', headers: { ...HOST, range: 'bytes=0-9' } },
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    name: 'PUT Object',
    request: {
      method: 'PUT',
      path: encodeUriPath('/test$file.text'),
      headers: {
        ...HOST,
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      },
      payloadHash: '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    },
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    name: 'GET Bucket Lifecycle',
    request: { method: 'GET', path: '/', query: encodeQuery([['lifecycle', '']]), headers: HOST },
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    name: 'Get Bucket (List Objects)',
    request: {
      method: 'GET',
      path: '/',
      query: encodeQuery([
        ['prefix', 'J'],
        ['max-keys', '2'],
      ]),
      headers: HOST,
    },
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
] as const;

describe('SigV4', () => {
  test.for(EXAMPLES)('signs the published example $name', ({ request, signature }) => {
    const signer = new SigV4Signer({ region: 'us-east-1', service: 's3' });
    const headers = signer.sign({ query: '', payloadHash: EMPTY_SHA256, ...request }, CREDENTIALS, NOW);
    expect(headers['authorization']).toContain(`Signature=${signature}`);
    expect(headers['authorization']).toContain(
      'Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request',
    );
  });

  test('derives the published signing key', () => {
    const key = deriveSigningKey({
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      day: '20150830',
      region: 'us-east-1',
      service: 'iam',
    });
    expect(key.toString('hex')).toBe('c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9');
  });

  test('signs the session token, and takes new keys when day or secret change', () => {
    const signer = new SigV4Signer({ region: 'us-east-1', service: 's3' });
    const request = { method: 'GET', path: '/', query: '', headers: HOST, payloadHash: EMPTY_SHA256 };
    const token = signer.sign(request, { ...CREDENTIALS, sessionToken: 'token' }, NOW);
    expect(token['x-amz-security-token']).toBe('token');
    expect(token['authorization']).toContain('x-amz-date;x-amz-security-token,');
    const signatures = [
      signer.sign(request, CREDENTIALS, NOW),
      signer.sign(request, CREDENTIALS, new Date('2013-05-25T00:00:00Z')),
      signer.sign(request, { ...CREDENTIALS, secretAccessKey: 'other' }, NOW),
      signer.sign(request, CREDENTIALS, NOW),
    ].map((headers) => headers['authorization']);
    expect(new Set(signatures).size).toBe(3);
    expect(signatures[3]).toBe(signatures[0]);
  });
});

describe('URI encoding', () => {
  test.for([
    ['a b', 'a%20b'],
    ['a+b', 'a%2Bb'],
    ['100%', '100%25'],
    ['ü/☃', '%C3%BC%2F%E2%98%83'],
    ["!'()*~-._", '%21%27%28%29%2A~-._'],
    ['%2F', '%252F'],
  ] as const)('of %j is %j', ([text, encoded]) => {
    expect(encodeUriPart(text)).toBe(encoded);
  });

  test('leaves nothing but unreserved characters, and can be undone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const wellFormed = text.toWellFormed();
        expect(encodeUriPart(text)).toMatch(/^(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})*$/);
        expect(decodeURIComponent(encodeUriPart(text))).toBe(wellFormed);
        expect(decodeURIComponent(encodeUriPath(text))).toBe(wellFormed);
        expect(encodeUriPath(text).split('/').length).toBe(text.split('/').length);
      }),
      { verbose: 1 },
    );
  });

  test('of a query sorts by encoded name', () => {
    expect(
      encodeQuery([
        ['b', '2 3'],
        ['a-b', ''],
        ['a', 'x=&'],
      ]),
    ).toBe('a=x%3D%26&a-b=&b=2%203');
  });
});
