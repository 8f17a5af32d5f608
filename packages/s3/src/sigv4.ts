import { createHmac, hash } from 'node:crypto';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** A request before it is signed; every text is encoded as it is sent. */
export interface SignableRequest {
  readonly method: string;
  /** Encoded, from `/` on, without query. */
  readonly path: string;
  /** As `encodeQuery` writes it. */
  readonly query: string;
  /** Names in lower case; all of them are signed. Holds `host`. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hex, or `UNSIGNED-PAYLOAD`. */
  readonly payloadHash: string;
}

/**
 * The body is not part of the signature. What we write carries a signed `content-md5`, so that its bytes are bound to
 * the signature all the same, at a fifth of the price of SHA-256.
 */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * Signs requests as "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)" of the Amazon
 * S3 API Reference says. The signing key is derived once a day.
 */
export class SigV4Signer {
  readonly #region: string;
  readonly #service: string;
  #key: Buffer = Buffer.alloc(0);
  #keyOf = '';

  constructor(scope: { region: string; service: string }) {
    this.#region = scope.region;
    this.#service = scope.service;
  }

  /** Every header to send: those given, and what signing adds. */
  sign(request: SignableRequest, credentials: S3Credentials, now: Date): Record<string, string> {
    const time = formatTime(now);
    const day = time.slice(0, 8);
    const headers: Record<string, string> = {
      ...request.headers,
      'x-amz-content-sha256': request.payloadHash,
      'x-amz-date': time,
    };
    if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
    const names = Object.keys(headers).sort();
    const scope = `${day}/${this.#region}/${this.#service}/aws4_request`;
    const text = `${ALGORITHM}\n${time}\n${scope}\n${sha256(canonicalRequest(request, { headers, names }))}`;
    const signature = hmac(this.#signingKey(credentials, day), text).toString('hex');
    headers['authorization'] =
      `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
    return headers;
  }

  #signingKey(credentials: S3Credentials, day: string): Buffer {
    const keyOf = `${day}\n${credentials.secretAccessKey}`;
    if (keyOf !== this.#keyOf) {
      this.#key = deriveSigningKey({
        secretAccessKey: credentials.secretAccessKey,
        day,
        region: this.#region,
        service: this.#service,
      });
      this.#keyOf = keyOf;
    }
    return this.#key;
  }
}

/** "Deriving the signing key" of the SigV4 specification. `day` as `20130524`. */
export function deriveSigningKey(scope: {
  secretAccessKey: string;
  day: string;
  region: string;
  service: string;
}): Buffer {
  const dayKey = hmac(`AWS4${scope.secretAccessKey}`, scope.day);
  return hmac(hmac(hmac(dayKey, scope.region), scope.service), 'aws4_request');
}

function canonicalRequest(
  request: SignableRequest,
  signed: { headers: Readonly<Record<string, string>>; names: readonly string[] },
): string {
  let text = `${request.method}\n${request.path}\n${request.query}\n`;
  for (const name of signed.names) {
    text += `${name}:${(signed.headers[name] ?? '').trim().replace(/ {2,}/g, ' ')}\n`;
  }
  return `${text}\n${signed.names.join(';')}\n${request.payloadHash}`;
}

/** `20130524T000000Z` */
function formatTime(now: Date): string {
  return `${now.toISOString().replace(/[:-]/g, '').slice(0, 15)}Z`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}
