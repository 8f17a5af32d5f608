import {
  ArtifactError,
  type ArtifactName,
  assertAlias,
  assertDescription,
  checkMetadata,
  formatArtifactName,
  LIMITS,
  type VersionRecord,
  type VersionRef,
} from '@waybill/core';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { resolveArtifact, resolveVersion, versionName } from './resolve-version.ts';
import type { EditRequest } from './results.ts';

type EditPorts = Pick<OperationPorts, 'catalog' | 'faults'>;

/**
 * Gives aliases to a version; one that another version of the artifact has moves.
 * @throws ArtifactError `INVALID_ALIAS`, `NOT_FOUND`, `LIMIT_EXCEEDED`
 */
export async function addAliases(
  ports: EditPorts,
  request: { ref: VersionRef; aliases: readonly string[] },
  options: OperationOptions = {},
): Promise<VersionRecord> {
  const aliases = checkAliases(request.aliases);
  const version = await resolveVersion(ports, request.ref, options);
  const count = new Set([...version.aliases, ...aliases]).size;
  if (count > LIMITS.aliasesPerVersion) {
    throw new ArtifactError(
      'LIMIT_EXCEEDED',
      `${versionName(version)} would have ${count} aliases; at most ${LIMITS.aliasesPerVersion} are allowed`,
      { details: { subject: versionName(version) } },
    );
  }
  ports.faults.reach('alias.add');
  return ports.catalog.addAliases(version.versionId, aliases, options);
}

/**
 * Removes aliases of an artifact, whichever versions have them.
 * @throws ArtifactError `INVALID_ALIAS`; `NOT_FOUND` when none of them exists
 */
export async function removeAliases(
  ports: EditPorts,
  request: { artifact: ArtifactName; aliases: readonly string[] },
  options: OperationOptions = {},
): Promise<{ removed: string[]; missing: string[] }> {
  const aliases = checkAliases(request.aliases);
  const artifact = await resolveArtifact(ports, request.artifact, options);
  ports.faults.reach('alias.remove');
  const missing = await ports.catalog.removeAliases(artifact.artifactId, aliases, options);
  const removed = aliases.filter((alias) => !missing.includes(alias));
  if (removed.length === 0 && aliases.length > 0) {
    const name = formatArtifactName(artifact);
    throw new ArtifactError(
      'NOT_FOUND',
      `${name} has no alias ${aliases.map((alias) => `"${alias}"`).join(', ')}; \`waybill versions ${name}\` lists its aliases`,
      { details: { subject: name, aliases } },
    );
  }
  return { removed, missing };
}

/**
 * Changes what may change of a version: its description and its metadata (replaced as a whole).
 * @throws ArtifactError `NOT_FOUND`, `INVALID_METADATA`, `LIMIT_EXCEEDED`
 */
export async function editVersion(
  ports: EditPorts,
  request: EditRequest,
  options: OperationOptions = {},
): Promise<VersionRecord> {
  const { description, metadata } = request;
  if (metadata !== undefined) checkMetadata(metadata);
  if (typeof description === 'string') assertDescription(description);
  const version = await resolveVersion(ports, request.ref, options);
  if (description === undefined && metadata === undefined) return version;
  const change = {
    ...(description === undefined ? {} : { description: description ?? undefined }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  ports.faults.reach('version.edit');
  return ports.catalog.editVersion(version.versionId, change, options);
}

/**
 * Deletes a version; its bytes go with the next `gc` that finds nothing else needs them.
 * @throws ArtifactError `NOT_FOUND`; `ALIAS_CONFLICT` when it has aliases and `deleteAliases` is not set
 */
export async function deleteVersion(
  ports: EditPorts,
  request: { ref: VersionRef; deleteAliases: boolean },
  options: OperationOptions = {},
): Promise<VersionRecord> {
  const version = await resolveVersion(ports, request.ref, options);
  const { deleteAliases } = request;
  ports.faults.reach('version.delete');
  return ports.catalog.deleteVersion(version.versionId, { deleteAliases }, options);
}

function checkAliases(aliases: readonly string[]): string[] {
  for (const alias of aliases) assertAlias(alias);
  return [...new Set(aliases)];
}
