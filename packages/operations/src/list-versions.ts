import { type ArtifactRecord, encodeVersionId, type VersionRecord, type VersionRef } from '@waybill/core';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { resolveArtifact, resolveVersion } from './resolve-version.ts';
import type { ArtifactScope, Paged, ShowResult, VersionsRequest } from './results.ts';

type CatalogPort = Pick<OperationPorts, 'catalog'>;

/** Artifacts of an entity, or of one project of it. */
export async function listArtifacts(
  ports: CatalogPort,
  request: ArtifactScope,
  options: OperationOptions = {},
): Promise<Paged<ArtifactRecord, number>> {
  const { entity, project, after, limit } = request;
  const scope = { entity, ...(project === undefined ? {} : { project }), after, limit: limit + 1 };
  const found = await ports.catalog.listArtifacts(scope, options);
  return cutPage(found, limit, (artifact) => artifact.artifactId);
}

/**
 * Versions of an artifact, newest first.
 * @throws ArtifactError `NOT_FOUND`
 */
export async function listVersions(
  ports: CatalogPort,
  request: VersionsRequest,
  options: OperationOptions = {},
): Promise<Paged<VersionRecord, number>> {
  const { after, limit } = request;
  const { artifactId } = await resolveArtifact(ports, request.artifact, options);
  const found = await ports.catalog.listVersions(artifactId, { after, limit: limit + 1 }, options);
  return cutPage(found, limit, (version) => version.index);
}

/**
 * Everything recorded about a version; what was left out of it a page at a time.
 * @throws ArtifactError `NOT_FOUND`
 */
export async function showVersion(
  ports: CatalogPort,
  request: { ref: VersionRef; noticesAfter?: number | undefined; noticesLimit: number },
  options: OperationOptions = {},
): Promise<ShowResult> {
  const version = await resolveVersion(ports, request.ref, options);
  const { ingestId } = version;
  const [artifact, ingest, notices] = await Promise.all([
    resolveArtifact(ports, version, options),
    ports.catalog.getIngest(ingestId, options),
    ports.catalog.listNotices(
      { ingestId, severity: 'left-out', after: request.noticesAfter, limit: request.noticesLimit + 1 },
      options,
    ),
  ]);
  const leftOut = cutPage(notices, request.noticesLimit, (notice) => notice.noticeId);
  return { version, artifact, id: encodeVersionId(version.versionId), ingest, leftOut };
}

/** One item more than the page holds was asked for: it tells whether there is a next page. */
function cutPage<Item>(
  found: readonly Item[],
  limit: number,
  cursorOf: (item: Item) => number,
): Paged<Item, number> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? cursorOf(last) : undefined };
}
