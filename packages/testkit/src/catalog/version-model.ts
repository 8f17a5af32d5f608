import { expect } from 'vitest';
import {
  commitOf,
  digestText,
  finalizing,
  needCommitted,
  newIngest,
  type TestedCatalog,
  uniqueName,
} from './catalog-fixture.ts';

export type VersionAction =
  | {
      readonly kind: 'put';
      readonly content: number;
      readonly aliases: readonly string[];
      readonly reuse: 'latest' | 'any' | 'never';
    }
  | { readonly kind: 'addAliases'; readonly pick: number; readonly aliases: readonly string[] }
  | { readonly kind: 'removeAliases'; readonly aliases: readonly string[] }
  | { readonly kind: 'delete'; readonly pick: number; readonly deleteAliases: boolean };

interface ModelVersion {
  readonly index: number;
  readonly versionId: number;
  readonly content: number;
  deleted: boolean;
}

/** One artifact: what the catalog must say of it after any history. */
export class VersionModel {
  readonly #catalog: TestedCatalog;
  readonly #name = { entity: uniqueName(), project: 'p', name: 'n' };
  readonly #versions: ModelVersion[] = [];
  readonly #aliases = new Map<string, ModelVersion>();
  #artifactId: number | undefined;

  constructor(catalog: TestedCatalog) {
    this.#catalog = catalog;
  }

  async apply(action: VersionAction): Promise<void> {
    switch (action.kind) {
      case 'put':
        return this.#put(action);
      case 'addAliases':
        return this.#addAliases(action);
      case 'removeAliases':
        return this.#removeAliases(action.aliases);
      case 'delete':
        return this.#delete(action);
    }
  }

  async compare(): Promise<void> {
    const artifact = await this.#catalog.getArtifact(this.#name);
    const live = this.#versions.filter(({ deleted }) => !deleted);
    expect(artifact?.artifactId).toBe(this.#artifactId);
    if (artifact === undefined) return;
    expect(artifact.versionCount).toBe(live.length);
    expect(artifact.latestIndex).toBe(this.#aliases.get('latest')?.index);
    const listed = await this.#catalog.listVersions(artifact.artifactId, { limit: 100 });
    expect(listed.map(({ index, digest, aliases }) => ({ index, digest, aliases }))).toEqual(
      live.toReversed().map((version) => ({
        index: version.index,
        digest: digestText(`${version.content}`),
        aliases: this.#aliasesOf(version),
      })),
    );
    for (const alias of ['a', 'b', 'latest', 'v0', 'v1']) {
      const found = await this.#catalog.findVersion({ ...this.#name, alias });
      expect(found?.versionId, alias).toBe(this.#named(alias)?.versionId);
    }
  }

  async #put(action: Extract<VersionAction, { kind: 'put' }>): Promise<void> {
    const { content, aliases, reuse } = action;
    const ingest = await finalizing(this.#catalog, newIngest({ entity: this.#name.entity, aliases, reuse }));
    const request = commitOf(ingest, { digest: digestText(`${content}`) });
    const { version, created } = needCommitted(await this.#catalog.commitIngest(request));
    this.#artifactId ??= version.artifactId;
    const equal = this.#equalTo(content, reuse);
    expect(created).toBe(equal === undefined);
    const index = this.#versions.length;
    const model = equal ?? { index, versionId: version.versionId, content, deleted: false };
    if (equal === undefined) this.#versions.push(model);
    expect([version.index, version.versionId]).toEqual([model.index, model.versionId]);
    for (const alias of aliases) this.#aliases.set(alias, model);
    if (created || reuse === 'any') this.#aliases.set('latest', model);
  }

  #equalTo(content: number, reuse: 'latest' | 'any' | 'never'): ModelVersion | undefined {
    const latest = this.#aliases.get('latest');
    if (reuse === 'never') return undefined;
    if (latest?.content === content) return latest;
    if (reuse === 'latest') return undefined;
    return this.#versions.findLast((version) => !version.deleted && version.content === content);
  }

  async #addAliases(action: Extract<VersionAction, { kind: 'addAliases' }>): Promise<void> {
    const version = this.#versions[action.pick];
    if (version === undefined) return;
    const added = this.#catalog.addAliases(version.versionId, action.aliases);
    if (version.deleted) {
      await expect(added).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      return;
    }
    for (const alias of action.aliases) this.#aliases.set(alias, version);
    expect((await added).aliases).toEqual(this.#aliasesOf(version));
  }

  async #removeAliases(aliases: readonly string[]): Promise<void> {
    if (this.#artifactId === undefined) return;
    const missing = await this.#catalog.removeAliases(this.#artifactId, aliases);
    expect(missing).toEqual(aliases.filter((alias) => !this.#aliases.has(alias)));
    for (const alias of aliases) this.#aliases.delete(alias);
  }

  async #delete(action: Extract<VersionAction, { kind: 'delete' }>): Promise<void> {
    const version = this.#versions[action.pick];
    if (version === undefined) return;
    const { deleteAliases } = action;
    const aliases = this.#aliasesOf(version);
    const done = this.#catalog.deleteVersion(version.versionId, { deleteAliases });
    if (version.deleted || (aliases.length > 0 && !deleteAliases)) {
      const code = version.deleted ? 'STATE_CONFLICT' : 'ALIAS_CONFLICT';
      await expect(done).rejects.toMatchObject({ code });
      return;
    }
    expect(await done).toMatchObject({ state: 'DELETED', aliases: [] });
    version.deleted = true;
    for (const alias of aliases) this.#aliases.delete(alias);
  }

  #named(alias: string): ModelVersion | undefined {
    const index = /^v(\d+)$/.exec(alias)?.[1];
    if (index === undefined) return this.#aliases.get(alias);
    const version = this.#versions[Number(index)];
    return version?.deleted === true ? undefined : version;
  }

  #aliasesOf(version: ModelVersion): string[] {
    return [...this.#aliases].flatMap(([alias, named]) => (named === version ? [alias] : [])).sort();
  }
}
