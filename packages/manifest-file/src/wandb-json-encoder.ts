import { type CallOptions, type DigestAlgorithm, type Entry, throwIfCancelled } from '@waybill/core';

export const WANDB_STORAGE_POLICY = 'wandb-storage-policy-v1';

const HEAD = `{"version":1,"storagePolicy":"${WANDB_STORAGE_POLICY}","storagePolicyConfig":{"storageLayout":"V2"},"contents":{`;

/** See `ManifestTexts.encodeWandbJson`. Compact; members in the order W&B's own Python client writes them. */
export async function* encodeWandbJson(
  blocks: AsyncIterable<readonly Entry[]>,
  options: { versionId: string; digestAlgorithm: DigestAlgorithm } & CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const birth = `,"birthArtifactID":${JSON.stringify(options.versionId)}`;
  let before = HEAD;
  for await (const block of blocks) {
    throwIfCancelled(options.signal);
    let text = '';
    for (const entry of block) {
      text += before + member(entry, { birth, digestAlgorithm: options.digestAlgorithm });
      before = ',';
    }
    if (text !== '') yield Buffer.from(text);
  }
  yield Buffer.from(before === HEAD ? `${HEAD}}}` : '}}');
}

function member(entry: Entry, of: { birth: string; digestAlgorithm: DigestAlgorithm }): string {
  const isStored = entry.ref === undefined;
  let text = `${JSON.stringify(entry.path)}:{"digest":${JSON.stringify(entry.digest)}`;
  if (entry.birthArtifactId !== undefined)
    text += `,"birthArtifactID":${JSON.stringify(entry.birthArtifactId)}`;
  else if (isStored) text += of.birth;
  if (entry.ref !== undefined) text += `,"ref":${JSON.stringify(entry.ref)}`;
  const extra =
    isStored && of.digestAlgorithm !== 'MD5' ? { ...entry.extra, alg: of.digestAlgorithm } : entry.extra;
  if (extra !== undefined && Object.keys(extra).length > 0) text += `,"extra":${JSON.stringify(extra)}`;
  if (entry.sizeBytes !== undefined) text += `,"size":${entry.sizeBytes}`;
  return `${text}}`;
}
