import type { Metadata } from '../metadata.ts';
import type { ArtifactName, VersionRef } from '../names.ts';
import type { CallOptions } from './blob-store.ts';
import type { ArtifactRecord, Page, VersionRecord } from './records.ts';

/** Artifacts, versions and aliases. Changes are single transactions; errors `NOT_FOUND`, `ALIAS_CONFLICT`, `STATE_CONFLICT`. */
export interface VersionCatalog {
  getArtifact(name: ArtifactName, options?: CallOptions): Promise<ArtifactRecord | undefined>;
  listArtifacts(
    scope: { entity: string; project?: string } & Page,
    options?: CallOptions,
  ): Promise<ArtifactRecord[]>;
  /** A COMMITTED version by `vN` or alias; `undefined` when there is none (PENDING and DELETED ones have no names). */
  findVersion(ref: VersionRef, options?: CallOptions): Promise<VersionRecord | undefined>;
  getVersion(versionId: number, options?: CallOptions): Promise<VersionRecord | undefined>;
  /** Newest first; `after` is an index. */
  listVersions(artifactId: number, page: Page, options?: CallOptions): Promise<VersionRecord[]>;
  /** Moves aliases to this version. */
  addAliases(versionId: number, aliases: readonly string[], options?: CallOptions): Promise<VersionRecord>;
  /** Removes aliases; answers those that did not exist. */
  removeAliases(artifactId: number, aliases: readonly string[], options?: CallOptions): Promise<string[]>;
  editVersion(
    versionId: number,
    change: { description?: string | undefined; metadata?: Metadata },
    options?: CallOptions,
  ): Promise<VersionRecord>;
  /** State DELETED; `ALIAS_CONFLICT` when it has aliases and `deleteAliases` is not set. */
  deleteVersion(
    versionId: number,
    change: { deleteAliases: boolean },
    options?: CallOptions,
  ): Promise<VersionRecord>;
}
