import {
  ArtifactError,
  assertAlias,
  formatArtifactName,
  LIMITS,
  type Metadata,
  type VersionCatalog,
  type VersionRecord,
  type VersionRef,
  versionIndexOf,
} from '@waybill/core';
import { sql } from 'kysely';
import type { CatalogSession } from './catalog-session.ts';
import { isNamed, selectArtifacts } from './select-artifacts.ts';
import { selectVersion, selectVersions } from './select-versions.ts';
import type { Database } from './tables.ts';
import { raiseTick } from './ticks.ts';

export function versionCatalog(session: CatalogSession): VersionCatalog {
  return {
    async getArtifact(name, options) {
      const query = { where: isNamed(name), limit: 1 };
      const [found] = await session.read(options, (db) => selectArtifacts(db, query));
      return found;
    },
    listArtifacts({ entity, project, after = 0, limit }, options) {
      const inProject = project === undefined ? sql`true` : sql`a.project = ${project}`;
      const where = sql`e.name = ${entity} and ${inProject} and a.artifact_id > ${after}`;
      return session.read(options, (db) => selectArtifacts(db, { where, limit }));
    },
    findVersion: (ref, options) => session.read(options, (db) => findVersion(db, ref)),
    getVersion: (versionId, options) => session.read(options, (db) => selectVersion(db, versionId)),
    listVersions(artifactId, { after, limit }, options) {
      const before = after === undefined ? sql`true` : sql`v.version_index < ${after}`;
      const where = sql`v.artifact_id = ${artifactId} and v.state = 'COMMITTED' and ${before}`;
      return session.read(options, (db) => selectVersions(db, { where, limit, newestFirst: true }));
    },
    addAliases: (versionId, aliases, options) =>
      session.write('addAliases', options, (db) => addAliases(session, { db, versionId, aliases })),
    removeAliases: (artifactId, aliases, options) =>
      session.write('removeAliases', options, (db) => removeAliases(session, { db, artifactId, aliases })),
    editVersion: (versionId, change, options) =>
      session.write('editVersion', options, (db) => editVersion(session, { db, versionId, change })),
    deleteVersion: (versionId, { deleteAliases }, options) =>
      session.write('deleteVersion', options, (db) =>
        deleteVersion(session, { db, versionId, deleteAliases }),
      ),
  };
}

async function findVersion(db: Database, ref: VersionRef): Promise<VersionRecord | undefined> {
  const index = versionIndexOf(ref.alias);
  const isMeant =
    index === undefined
      ? sql`v.version_id = (
          select l.version_id from aliases l where l.artifact_id = a.artifact_id and l.alias = ${ref.alias}
        )`
      : sql`v.version_index = ${index}`;
  const where = sql`${isNamed(ref)} and v.state = 'COMMITTED' and ${isMeant}`;
  const [found] = await selectVersions(db, { where, limit: 1 });
  return found;
}

async function addAliases(
  session: CatalogSession,
  { db, versionId, aliases }: { db: Database; versionId: number; aliases: readonly string[] },
): Promise<VersionRecord> {
  const version = await lockVersion(session, { db, versionId });
  await moveAliases(db, { version, aliases });
  await touchArtifact(session, { db, artifactId: version.artifactId });
  return needVersion(db, versionId);
}

/**
 * Gives a version aliases, taking them from whichever version of its artifact had them.
 *
 * @throws ArtifactError `INVALID_ALIAS`, `LIMIT_EXCEEDED`
 */
export async function moveAliases(
  db: Database,
  { version, aliases }: { version: { artifactId: number; versionId: number }; aliases: readonly string[] },
): Promise<void> {
  for (const alias of aliases) assertAlias(alias);
  const { artifactId: artifact_id, versionId: version_id } = version;
  for (const alias of new Set(aliases)) {
    await db
      .insertInto('aliases')
      .values({ artifact_id, alias, version_id })
      .onConflict((conflict) => conflict.columns(['artifact_id', 'alias']).doUpdateSet({ version_id }))
      .execute();
  }
  const { count } = await db
    .selectFrom('aliases')
    .select((row) => row.fn.countAll<number>().as('count'))
    .where('version_id', '=', version_id)
    .executeTakeFirstOrThrow();
  if (count > LIMITS.aliasesPerVersion) {
    throw new ArtifactError(
      'LIMIT_EXCEEDED',
      `a version may have ${LIMITS.aliasesPerVersion} aliases, this one would have ${count}; remove some first`,
    );
  }
}

async function removeAliases(
  session: CatalogSession,
  { db, artifactId, aliases }: { db: Database; artifactId: number; aliases: readonly string[] },
): Promise<string[]> {
  const artifact = await touchArtifact(session, { db, artifactId });
  if (!artifact) throw new ArtifactError('NOT_FOUND', `there is no artifact with the id ${artifactId}`);
  const removed = await db
    .deleteFrom('aliases')
    .where('artifact_id', '=', artifactId)
    .where('alias', 'in', sql<string>`${session.dialect.texts(aliases)}`)
    .returning('alias')
    .execute();
  const gone = new Set(removed.map(({ alias }) => alias));
  return aliases.filter((alias) => !gone.has(alias));
}

async function editVersion(
  session: CatalogSession,
  edit: {
    db: Database;
    versionId: number;
    change: { description?: string | undefined; metadata?: Metadata };
  },
): Promise<VersionRecord> {
  const { db, versionId, change } = edit;
  const version = await lockVersion(session, { db, versionId });
  await db
    .updateTable('versions')
    .set({
      updated_at_ms: session.clock.nowMs(),
      ...('description' in change ? { description: change.description ?? null } : {}),
      ...(change.metadata === undefined ? {} : { metadata: JSON.stringify(change.metadata) }),
    })
    .where('version_id', '=', versionId)
    .execute();
  await touchArtifact(session, { db, artifactId: version.artifactId });
  return needVersion(db, versionId);
}

async function deleteVersion(
  session: CatalogSession,
  { db, versionId, deleteAliases }: { db: Database; versionId: number; deleteAliases: boolean },
): Promise<VersionRecord> {
  const version = await lockVersion(session, { db, versionId });
  if (version.aliases.length > 0 && !deleteAliases) {
    throw new ArtifactError(
      'ALIAS_CONFLICT',
      `${formatArtifactName(version)}:v${version.index} has the aliases ${version.aliases.join(', ')}; remove or move them, or delete it together with them`,
      { details: { subject: `v${version.index}`, aliases: version.aliases } },
    );
  }
  await db.deleteFrom('aliases').where('version_id', '=', versionId).execute();
  const deletedTick = await raiseTick(db);
  const updated_at_ms = session.clock.nowMs();
  await db
    .updateTable('versions')
    .set({ state: 'DELETED', deleted_tick: deletedTick, updated_at_ms })
    .where('version_id', '=', versionId)
    .execute();
  await db
    .updateTable('artifacts')
    .set((row) => ({ version_count: row('version_count', '-', 1), updated_at_ms }))
    .where('artifact_id', '=', version.artifactId)
    .execute();
  return needVersion(db, versionId);
}

/** A COMMITTED version whose artifact nobody else changes until the transaction ends. */
async function lockVersion(
  session: CatalogSession,
  { db, versionId }: { db: Database; versionId: number },
): Promise<VersionRecord> {
  const { artifactId } = await needVersion(db, versionId);
  await sql`
    select artifact_id from artifacts where artifact_id = ${artifactId} ${session.dialect.lockRows}
  `.execute(db);
  const version = await needVersion(db, versionId);
  if (version.state !== 'COMMITTED') {
    throw new ArtifactError(
      'STATE_CONFLICT',
      `${formatArtifactName(version)}:v${version.index} is ${version.state}; it cannot be changed any more`,
    );
  }
  return version;
}

async function needVersion(db: Database, versionId: number): Promise<VersionRecord> {
  const version = await selectVersion(db, versionId);
  if (version === undefined) {
    throw new ArtifactError('NOT_FOUND', `there is no version with the id ${versionId}`);
  }
  return version;
}

/** Locks and stamps the artifact; whether it exists. */
async function touchArtifact(
  session: CatalogSession,
  { db, artifactId }: { db: Database; artifactId: number },
): Promise<boolean> {
  const touched = await db
    .updateTable('artifacts')
    .set({ updated_at_ms: session.clock.nowMs() })
    .where('artifact_id', '=', artifactId)
    .executeTakeFirst();
  return touched.numUpdatedRows > 0n;
}
