import {
  ArtifactError,
  type ArtifactName,
  type ArtifactRecord,
  compareUtf8,
  type IngestRecord,
  type IngestState,
  type NoticeRecord,
  type VersionRecord,
  versionIndexOf,
} from '@waybill/core';

export type StoredVersion = { -readonly [Key in keyof VersionRecord]: VersionRecord[Key] } & {
  deletedTick: number;
};
type StoredIngest = { -readonly [Key in keyof IngestRecord]: IngestRecord[Key] } & { openedTick: number };

/** Artifacts, versions, aliases and ingests of the catalog in memory. */
export class MemoryVersions {
  nowMs = 1_000_000;
  /** Raised where the ports say so; what is used, opened and deleted is stamped with it. */
  tick = 1;
  readonly artifacts: ArtifactRecord[] = [];
  readonly versions: StoredVersion[] = [];
  readonly ingests = new Map<string, StoredIngest>();
  readonly notices: NoticeRecord[] = [];
  #ids = 0;

  nextId(): number {
    return ++this.#ids;
  }

  getArtifact(name: ArtifactName): Promise<ArtifactRecord | undefined> {
    return Promise.resolve(this.artifacts.find((artifact) => sameName(artifact, name)));
  }

  listArtifacts(scope: { entity: string; project?: string; after?: number | undefined; limit: number }) {
    const { entity, project, after = 0, limit } = scope;
    const found = this.artifacts.filter(
      (artifact) =>
        artifact.entity === entity &&
        (project === undefined || artifact.project === project) &&
        artifact.artifactId > after,
    );
    return Promise.resolve(found.slice(0, limit));
  }

  findVersion(ref: ArtifactName & { alias: string }): Promise<VersionRecord | undefined> {
    const index = versionIndexOf(ref.alias);
    const found = this.versions.find(
      (version) =>
        version.state === 'COMMITTED' &&
        sameName(version, ref) &&
        (version.index === index || version.aliases.includes(ref.alias)),
    );
    return Promise.resolve(found && { ...found });
  }

  getVersion(versionId: number): Promise<VersionRecord | undefined> {
    return Promise.resolve(this.versions.find((version) => version.versionId === versionId));
  }

  listVersions(
    artifactId: number,
    page: { after?: number | undefined; limit: number },
  ): Promise<VersionRecord[]> {
    const { after = Number.POSITIVE_INFINITY, limit } = page;
    const found = this.versions.filter(
      (version) => version.artifactId === artifactId && version.index < after,
    );
    return Promise.resolve(found.toReversed().slice(0, limit));
  }

  addAliases(versionId: number, aliases: readonly string[]): Promise<VersionRecord> {
    const target = this.#needVersion(versionId);
    for (const version of this.versions) {
      if (version.artifactId !== target.artifactId) continue;
      version.aliases = version.aliases.filter((alias) => !aliases.includes(alias));
    }
    target.aliases = [...target.aliases, ...aliases].sort(compareUtf8);
    return Promise.resolve({ ...target });
  }

  removeAliases(artifactId: number, aliases: readonly string[]): Promise<string[]> {
    const versions = this.versions.filter((version) => version.artifactId === artifactId);
    const missing = aliases.filter((alias) => !versions.some((version) => version.aliases.includes(alias)));
    for (const version of versions)
      version.aliases = version.aliases.filter((alias) => !aliases.includes(alias));
    return Promise.resolve(missing);
  }

  editVersion(versionId: number, change: Partial<Pick<VersionRecord, 'description' | 'metadata'>>) {
    return Promise.resolve({ ...Object.assign(this.#needVersion(versionId), change) });
  }

  deleteVersion(versionId: number, change: { deleteAliases: boolean }): Promise<VersionRecord> {
    const version = this.#needVersion(versionId);
    if (version.aliases.length > 0 && !change.deleteAliases) {
      return Promise.reject(new ArtifactError('ALIAS_CONFLICT', 'it has aliases'));
    }
    Object.assign(version, { state: 'DELETED', aliases: [], deletedTick: ++this.tick });
    return Promise.resolve({ ...version });
  }

  getIngest(ingestId: string): Promise<IngestRecord | undefined> {
    return Promise.resolve(this.ingests.get(ingestId));
  }

  listNotices(filter: {
    ingestId: string;
    after?: number | undefined;
    limit: number;
  }): Promise<NoticeRecord[]> {
    const { after = 0, limit } = filter;
    return Promise.resolve(this.notices.filter(({ noticeId }) => noticeId > after).slice(0, limit));
  }

  setIngestState(ingestId: string, state: IngestState): void {
    const ingest = this.ingests.get(ingestId);
    if (ingest !== undefined) ingest.state = state;
  }

  #needVersion(versionId: number): StoredVersion {
    const found = this.versions.find((version) => version.versionId === versionId);
    if (found === undefined) throw new ArtifactError('NOT_FOUND', 'no such version');
    return found;
  }
}

function sameName(a: ArtifactName, b: ArtifactName): boolean {
  return a.entity === b.entity && a.project === b.project && a.name === b.name;
}
