import {
  type ArtifactRecord,
  encodeVersionId,
  type IngestRecord,
  type IngestSource,
  type NoticeRecord,
  type VersionRecord,
} from '@waybill/core';

/** The members that tell which version it is and what it holds; `put --json` begins with them. */
export function versionIdentityJson(version: VersionRecord): Readonly<Record<string, unknown>> {
  return {
    id: encodeVersionId(version.versionId),
    entity: version.entity,
    project: version.project,
    name: version.name,
    type: version.type,
    version: `v${version.index}`,
    state: version.state,
    digest: version.digest,
    digestAlgorithm: version.digestAlgorithm,
    entries: version.entryCount,
    size: version.sizeBytes,
    aliases: version.aliases,
  };
}

/** A version as lists and changes show it. */
export function versionJson(version: VersionRecord): Readonly<Record<string, unknown>> {
  return {
    ...versionIdentityJson(version),
    description: version.description ?? null,
    metadata: version.metadata,
    leftOut: version.leftOutCount,
    createdAt: moment(version.createdAtMs),
    updatedAt: moment(version.updatedAtMs),
  };
}

export function artifactJson(artifact: ArtifactRecord): Readonly<Record<string, unknown>> {
  return {
    entity: artifact.entity,
    project: artifact.project,
    name: artifact.name,
    type: artifact.type,
    digestAlgorithm: artifact.digestAlgorithm,
    versions: artifact.versionCount,
    latest: artifact.latestIndex === undefined ? null : `v${artifact.latestIndex}`,
    createdAt: moment(artifact.createdAtMs),
    updatedAt: moment(artifact.updatedAtMs),
  };
}

export function ingestJson(ingest: IngestRecord): Readonly<Record<string, unknown>> {
  return {
    id: ingest.ingestId,
    entity: ingest.artifact.entity,
    project: ingest.artifact.project,
    name: ingest.artifact.name,
    type: ingest.type,
    state: ingest.state,
    sources: ingest.sources.map(sourceJson),
    options: ingest.options,
    stats: ingest.stats,
    error: ingest.error === undefined ? null : { code: ingest.error.code, message: ingest.error.message },
    createdAt: moment(ingest.createdAtMs),
    updatedAt: moment(ingest.updatedAtMs),
  };
}

export function sourceJson(source: IngestSource): Readonly<Record<string, unknown>> {
  return {
    given: source.given,
    path: source.path,
    kind: source.kind,
    mode: source.mode,
    into: source.into,
  };
}

/** What a source held that is not in the version. */
export function noticeJson(notice: NoticeRecord): Readonly<Record<string, unknown>> {
  return { path: notice.path, reason: notice.reason, message: notice.message };
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}
