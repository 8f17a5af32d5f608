import {
  ArtifactError,
  type ArtifactName,
  type ArtifactRecord,
  formatArtifactName,
  formatVersionRef,
  type VersionRecord,
  type VersionRef,
  versionIndexOf,
} from '@waybill/core';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';

type CatalogPort = Pick<OperationPorts, 'catalog'>;

/** Names offered in the message when a name is not found. */
const SUGGESTIONS_MAX = 10;

/**
 * The COMMITTED version that a name and an alias (or `vN`) mean.
 * @throws ArtifactError `NOT_FOUND`, saying what there is instead
 */
export async function resolveVersion(
  ports: CatalogPort,
  ref: VersionRef,
  options: OperationOptions = {},
): Promise<VersionRecord> {
  const version = await ports.catalog.findVersion(ref, options);
  if (version !== undefined) return version;
  const artifact = await resolveArtifact(ports, ref, options);
  throw new ArtifactError(
    'NOT_FOUND',
    `${formatVersionRef(ref)} does not exist; ${await describeVersions(ports, { artifact, alias: ref.alias }, options)}`,
    { details: { subject: formatVersionRef(ref) } },
  );
}

/** @throws ArtifactError `NOT_FOUND`, naming artifacts of the same project */
export async function resolveArtifact(
  ports: CatalogPort,
  name: ArtifactName,
  options: OperationOptions = {},
): Promise<ArtifactRecord> {
  const artifact = await ports.catalog.getArtifact(name, options);
  if (artifact !== undefined) return artifact;
  const { entity, project } = name;
  const others = await ports.catalog.listArtifacts({ entity, project, limit: SUGGESTIONS_MAX + 1 }, options);
  const hint =
    others.length === 0
      ? `project ${entity}/${project} has no artifacts; \`waybill ls\` shows what there is`
      : `project ${entity}/${project} has ${listed(others.map((other) => other.name))}`;
  throw new ArtifactError('NOT_FOUND', `artifact ${formatArtifactName(name)} does not exist; ${hint}`, {
    details: { subject: formatArtifactName(name) },
  });
}

/** `entity/project/name:vN`: names a version for good, where an alias would not. */
export function versionName(version: VersionRecord): string {
  return formatVersionRef({ ...version, alias: `v${version.index}` });
}

async function describeVersions(
  ports: CatalogPort,
  asked: { artifact: ArtifactRecord; alias: string },
  options: OperationOptions,
): Promise<string> {
  const { artifact, alias } = asked;
  const page = await ports.catalog.listVersions(artifact.artifactId, { limit: SUGGESTIONS_MAX + 1 }, options);
  const versions = page.filter((version) => version.state === 'COMMITTED');
  const index = versionIndexOf(alias);
  const deleted = index !== undefined && index < artifact.versionCount ? 'it was deleted; ' : '';
  if (versions.length === 0) return `${deleted}the artifact has no versions`;
  const aliases = versions.flatMap((version) => version.aliases);
  const named = aliases.length === 0 ? '' : `, aliases ${listed(aliases)}`;
  return `${deleted}there are ${listed(versions.map((version) => `v${version.index}`))}${named}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, SUGGESTIONS_MAX).join(', ');
  return names.length > SUGGESTIONS_MAX ? `${shown}, ...` : shown;
}
