import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore } from '@waybill/core';
import type { RgwServer } from '@waybill/testkit';
import { openS3Store } from '../src/index.ts';
import type { S3Client } from '../src/s3-client.ts';
import { openS3Client, type S3Connection } from '../src/s3-connection.ts';
import { random } from './random.ts';

/** One bucket of a test server, with folders for drafts. */
export class TestBucket implements AsyncDisposable {
  readonly #server: RgwServer;
  readonly #folder: string;
  readonly #bucket: string;
  /** Instead of the server's own, when something stands in front of it. */
  readonly #endpoint: string;
  #stores = 0;

  private constructor(bucket: { server: RgwServer; folder: string; name: string; endpoint: string }) {
    this.#server = bucket.server;
    this.#folder = bucket.folder;
    this.#bucket = bucket.name;
    this.#endpoint = bucket.endpoint;
  }

  static async create(server: RgwServer, endpoint: string = server.endpoint): Promise<TestBucket> {
    const folder = await mkdtemp(join(tmpdir(), 'waybill-s3-'));
    return new TestBucket({ server, folder, name: await server.createBucket(), endpoint });
  }

  /** A URL below which nothing is yet. */
  newUrl(): string {
    this.#stores += 1;
    return `s3://${this.#bucket}/store-${this.#stores}`;
  }

  connection(url: string): S3Connection {
    const { region, credentials } = this.#server;
    const retries = { attempts: 6, baseMs: 10, capMs: 100 };
    return { url, endpoint: this.#endpoint, region, credentials, retries };
  }

  open(url: string = this.newUrl(), change: Partial<S3Connection> = {}): Promise<BlobStore> {
    const stagingFolder = this.stagingFolder(url);
    return openS3Store({ ...this.connection(url), ...change, stagingFolder, random });
  }

  stagingFolder(url: string): string {
    return join(this.#folder, encodeURIComponent(url));
  }

  /** Below the store. */
  client(url: string): Promise<S3Client> {
    return openS3Client(this.connection(url));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export function urlOf(store: BlobStore): string {
  return store.description.replace(/^bucket /, '');
}
