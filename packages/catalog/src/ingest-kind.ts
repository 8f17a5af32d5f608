import {
  ArtifactError,
  type DigestAlgorithm,
  formatArtifactName,
  type IngestRecord,
  invariant,
} from '@waybill/core';

/**
 * An artifact has one type and one digest algorithm.
 *
 * @throws ArtifactError `TYPE_CONFLICT`
 */
export function assertSameKind(ingest: {
  artifact: {
    entity: string;
    project: string;
    name: string;
    type: string;
    digestAlgorithm: DigestAlgorithm;
  };
  type: string;
  digestAlgorithm: DigestAlgorithm;
}): void {
  const { artifact, type, digestAlgorithm } = ingest;
  const name = formatArtifactName(artifact);
  if (artifact.type !== type) {
    throw new ArtifactError(
      'TYPE_CONFLICT',
      `artifact ${name} has the type "${artifact.type}", not "${type}"; use that type or another name`,
      { details: { subject: name } },
    );
  }
  if (artifact.digestAlgorithm !== digestAlgorithm) {
    throw new ArtifactError(
      'TYPE_CONFLICT',
      `artifact ${name} uses the digest algorithm ${artifact.digestAlgorithm}, not ${digestAlgorithm}; use that one or another name`,
      { details: { subject: name } },
    );
  }
}

/** A version may never lack what a shard had still to bring. */
export function assertAllDone({ ingestId, stats }: Pick<IngestRecord, 'ingestId' | 'stats'>): void {
  const { shards, shardsDone } = stats;
  invariant(
    shards === shardsDone,
    'shards-done',
    `ingest ${ingestId} has ${shards - shardsDone} of ${shards} shards that are not done`,
  );
}
