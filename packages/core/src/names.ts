import { ArtifactError, type ErrorCode } from './errors.ts';
import { LIMITS } from './limits.ts';

/** Names an artifact: the collection of versions, without an alias. */
export interface ArtifactName {
  readonly entity: string;
  readonly project: string;
  readonly name: string;
}

/** Names one version of an artifact by `vN` or by an alias. */
export interface VersionRef extends ArtifactName {
  readonly alias: string;
}

/** What a name without entity or project belongs to. */
export interface NameDefaults {
  readonly entity: string;
  readonly project: string;
}

const SCOPE = /^[A-Za-z0-9_.-]+$/;
const ARTIFACT_TYPE = /^[-\w][-.\w]*(?: +[-.\w]+)*$/;
const VERSION_ALIAS = /^v(0|[1-9]\d*)$/;
const RESERVED_ALIAS = /^v\d+$/;
const DOTS = /^\.\.?$/;

/**
 * Parses `[[ENTITY/]PROJECT/]NAME`.
 * @throws ArtifactError `INVALID_NAME`
 */
export function parseArtifactName(text: string, defaults: NameDefaults): ArtifactName {
  if (text.includes(':')) {
    refuse(
      'INVALID_NAME',
      `artifact name "${text}" contains ":"; give the name without version or alias here`,
    );
  }
  const parts = text.split('/');
  if (parts.length > 3) refuse('INVALID_NAME', `artifact name "${text}" has more than ENTITY/PROJECT/NAME`);
  const name = parts.pop() ?? '';
  const project = parts.pop() ?? defaults.project;
  const entity = parts.pop() ?? defaults.entity;
  assertScope('entity', entity);
  assertScope('project', project);
  assertName(name);
  return { entity, project, name };
}

/**
 * Parses `[[ENTITY/]PROJECT/]NAME[:ALIAS]`; without an alias it is `latest`.
 * @throws ArtifactError `INVALID_NAME`, `INVALID_ALIAS`
 */
export function parseVersionRef(text: string, defaults: NameDefaults): VersionRef {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return { ...parseArtifactName(text, defaults), alias: 'latest' };
  const alias = text.slice(colon + 1);
  assertAliasShape(alias);
  return { ...parseArtifactName(text.slice(0, colon), defaults), alias };
}

export function formatArtifactName(name: ArtifactName): string {
  return `${name.entity}/${name.project}/${name.name}`;
}

export function formatVersionRef(ref: VersionRef): string {
  return `${formatArtifactName(ref)}:${ref.alias}`;
}

/** The index meant by `vN`, or `undefined` for any other alias. */
export function versionIndexOf(alias: string): number | undefined {
  const digits = VERSION_ALIAS.exec(alias)?.[1];
  if (digits === undefined) return undefined;
  const index = Number(digits);
  return Number.isSafeInteger(index) ? index : undefined;
}

/**
 * Checks an alias somebody wants to give: `vN` is reserved for the versions' own numbers.
 * @throws ArtifactError `INVALID_ALIAS`
 */
export function assertAlias(alias: string): void {
  assertAliasShape(alias);
  if (RESERVED_ALIAS.test(alias)) {
    refuse('INVALID_ALIAS', `alias "${alias}" is reserved for version numbers; choose another`);
  }
}

function assertAliasShape(alias: string): void {
  const problem = textProblem(alias, LIMITS.aliasChars);
  if (problem !== undefined) refuse('INVALID_ALIAS', `alias ${JSON.stringify(alias)} ${problem}`);
}

/** @throws ArtifactError `INVALID_NAME` for what W&B's schema or reservations refuse. */
export function assertArtifactType(type: string, name: string): void {
  if (type.length > LIMITS.typeChars || !ARTIFACT_TYPE.test(type)) {
    refuse(
      'INVALID_NAME',
      `artifact type ${JSON.stringify(type)} must be 1 to ${LIMITS.typeChars} letters, digits, "_", "-", "." and inner spaces`,
    );
  }
  const reserved =
    type.startsWith('wandb-') ||
    type === 'job' ||
    (type === 'run_table' && name.startsWith('run-')) ||
    (type === 'code' && name.startsWith('source-'));
  if (reserved)
    refuse('INVALID_NAME', `artifact type "${type}" is reserved for internal use; choose another`);
}

function assertScope(kind: 'entity' | 'project', value: string): void {
  if (value.length > LIMITS.nameChars || !SCOPE.test(value) || DOTS.test(value)) {
    refuse(
      'INVALID_NAME',
      `${kind} ${JSON.stringify(value)} must be 1 to ${LIMITS.nameChars} letters, digits, "_", "-" and "."`,
    );
  }
}

function assertName(name: string): void {
  const problem =
    textProblem(name, LIMITS.nameChars) ?? (DOTS.test(name) ? 'must not be "." or ".."' : undefined);
  if (problem !== undefined) refuse('INVALID_NAME', `artifact name ${JSON.stringify(name)} ${problem}`);
}

function textProblem(text: string, charsMax: number): string | undefined {
  if (text === '') return 'is empty';
  if (text.length > charsMax) return `is longer than ${charsMax} characters`;
  if (!text.isWellFormed()) return 'is not valid Unicode';
  if (/[/:\\]/.test(text)) return 'must not contain "/", "\\" or ":"';
  if (/\p{Cc}/u.test(text)) return 'must not contain control characters';
  if (text.trim() !== text) return 'must not begin or end with a space';
  return undefined;
}

function refuse(code: ErrorCode, message: string): never {
  throw new ArtifactError(code, message);
}
