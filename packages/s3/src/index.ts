export type { S3Connection } from './s3-connection.ts';
export { openS3Store, type S3StoreOptions } from './s3-store.ts';
export type { S3Credentials } from './sigv4.ts';
export { parseStoreUrl, type S3Location } from './store-url.ts';
export { createS3ThreadStore } from './thread-store.ts';
