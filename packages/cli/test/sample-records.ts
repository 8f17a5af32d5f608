import type { ArtifactRecord, IngestRecord, NoticeRecord, VersionRecord } from '@waybill/core';

const CREATED_AT_MS = Date.UTC(2026, 10, 23, 9, 20, 11);

export const ARTIFACT: ArtifactRecord = {
  artifactId: 1,
  entity: 'local',
  project: 'default',
  name: 'demo',
  type: 'dataset',
  digestAlgorithm: 'MD5',
  versionCount: 2,
  latestIndex: 1,
  createdAtMs: CREATED_AT_MS,
  updatedAtMs: CREATED_AT_MS,
};

export const VERSION: VersionRecord = {
  versionId: 7,
  artifactId: 1,
  entity: 'local',
  project: 'default',
  name: 'demo',
  type: 'dataset',
  index: 1,
  state: 'COMMITTED',
  digest: 'd41d8cd98f00b204e9800998ecf8427e',
  digestAlgorithm: 'MD5',
  description: undefined,
  metadata: {},
  entryCount: 3,
  sizeBytes: 2_048,
  aliases: ['best', 'latest'],
  manifest: { key: 'local/manifests/x', sizeBytes: 100, footerBytes: 10, footerCrc32: 1 },
  ingestId: 'ingest-1',
  sources: [
    { kind: 'directory', mode: 'store', given: './photos', path: '/data/photos', into: '' },
    { kind: 'file', mode: 'reference', given: 'file:///data/a\nb', path: '/data/a\nb', into: 'x/y' },
  ],
  leftOutCount: 0,
  createdAtMs: CREATED_AT_MS,
  updatedAtMs: CREATED_AT_MS,
};

export const INGEST: IngestRecord = {
  ingestId: 'ingest-1',
  sequence: 1,
  artifact: { entity: 'local', project: 'default', name: 'demo' },
  type: 'dataset',
  digestAlgorithm: 'MD5',
  aliases: [],
  description: undefined,
  metadata: undefined,
  sources: VERSION.sources,
  options: {
    include: [],
    exclude: [],
    followLinks: true,
    strict: false,
    useStatCache: true,
    reuse: 'latest',
  },
  fingerprint: 'f',
  state: 'COMMITTED',
  fence: 1,
  stats: {
    shards: 1,
    shardsDone: 1,
    files: 3,
    bytes: 2_048,
    filesHashed: 2,
    bytesHashed: 1_024,
    blobsStored: 1,
    bytesStored: 512,
  },
  error: undefined,
  versionId: 7,
  createdAtMs: CREATED_AT_MS,
  updatedAtMs: CREATED_AT_MS,
};

export function notice(noticeId: number): NoticeRecord {
  const path = `links/broken-${noticeId}\u001b`;
  return { noticeId, severity: 'left-out', reason: 'broken-link', path, message: 'a link to nothing' };
}
