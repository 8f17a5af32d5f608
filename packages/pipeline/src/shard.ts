import {
  type BatchAnswer,
  type BatchContext,
  type BatchPart,
  type BatchQuestion,
  type EncodedNames,
  type FileCounts,
  type IngestBatchOutput,
  type IngestSource,
  invariant,
  LIMITS,
  type NewNotice,
  type NewShard,
  type SegmentFrame,
  type SegmentRef,
  type ShardRecord,
  storeKeys,
  throwIfCancelled,
} from '@waybill/core';
import { BlobStorer } from './blob-storer.ts';
import { lostIngest } from './finalize.ts';
import type { IngestContext } from './ingest-context.ts';
import { readList } from './list-file.ts';
import { countNames, sliceNames } from './names-codec.ts';

/** What is left of a shard cut short is spread over this many shards, so that others can help at once. */
const SPLIT_INTO = 4;

type FramePromise = Promise<SegmentFrame | undefined>;

/**
 * Works on one shard: hashes its files in batches, stores what is missing, writes a segment, and has the catalog
 * count this attempt. Safe to run twice at once or again after any crash: one attempt wins, the others' objects
 * are reclaimed.
 *
 * @returns whether this attempt is the one that counts
 */
export async function runShard(context: IngestContext, shardId: number): Promise<boolean> {
  const { ports, ingest, signal } = context;
  ports.faults.reach('shard.start');
  const shard = await ports.catalog.startShard({ shardId, fence: ingest.fence }, { signal });
  if (shard === undefined) return false;
  const source = ingest.sources[shard.sourceIndex];
  invariant(source !== undefined, 'shard-source', `shard ${shardId} has no source ${shard.sourceIndex}`);
  const names = await readList(ports, {
    key: shard.listKey,
    skip: shard.listSkip,
    take: shard.listCount,
    signal,
  });
  const { entity } = ingest.artifact;
  await using storer = new BlobStorer({
    ports,
    storing: context.storing,
    signal,
    owner: {
      entity,
      algorithm: ingest.digestAlgorithm,
      ingestId: ingest.ingestId,
      shardId,
      attempt: shard.attempt,
    },
  });
  const work = new ShardWork({ context, shard, source, storer });
  await work.runBatches(names);
  return await work.complete();
}

/** State of one attempt at a shard. */
class ShardWork {
  readonly #context: IngestContext;
  readonly #shard: ShardRecord;
  readonly #storer: BlobStorer;
  readonly #batch: BatchContext;
  readonly #frames: FramePromise[] = [];
  readonly #notices: NewNotice[] = [];
  readonly #cacheRows: Uint8Array[] = [];
  #files = 0;
  #bytes = 0;
  #filesHashed = 0;
  #bytesHashed = 0;

  constructor(work: {
    context: IngestContext;
    shard: ShardRecord;
    source: IngestSource;
    storer: BlobStorer;
  }) {
    this.#context = work.context;
    this.#shard = work.shard;
    this.#storer = work.storer;
    const { ingest, ports } = work.context;
    this.#batch = {
      root: sourceRoot(work.source),
      entryPrefix: work.source.into === '' ? '' : `${work.source.into}/`,
      mode: work.source.mode,
      algorithm: ingest.digestAlgorithm,
      entity: ingest.artifact.entity,
      useStatCache: ingest.options.useStatCache && ports.statCache !== undefined,
      ingestSequence: ingest.sequence,
    };
  }

  /** Hands the names to threads, a batch at a time; other shards keep the threads busy meanwhile. */
  async runBatches(names: EncodedNames): Promise<void> {
    const total = countNames(names);
    let done = 0;
    let rest = names;
    while (done < total) {
      await this.#stopIfAsked();
      const take = Math.min(LIMITS.batchEntries, total - done);
      const output = await this.#runBatch(sliceNames(rest, { skip: 0, take }));
      done += output.consumed;
      rest = sliceNames(rest, { skip: output.consumed, take: total - done });
      if (this.#bytes >= LIMITS.shardBytes && done < total) {
        await this.#cutShort(done, total);
        return;
      }
    }
  }

  /** Makes everything durable, in order, then has the catalog count it. */
  async complete(): Promise<boolean> {
    const { ports, ingest, signal } = this.#context;
    const frames = (await Promise.all(this.#frames)).filter((frame) => frame !== undefined);
    await this.#storer.finish();
    const segment = frames.length === 0 ? undefined : await this.#writeSegment(frames);
    const stats = {
      files: this.#files,
      bytes: this.#bytes,
      filesHashed: this.#filesHashed,
      bytesHashed: this.#bytesHashed,
      ...this.#storer.stored,
    };
    ports.faults.reach('shard.complete');
    const { shardId, attempt } = this.#shard;
    const counts = await ports.catalog.completeShard(
      { shardId, attempt, segment, stats, notices: this.#notices },
      { signal },
    );
    if (!counts && segment !== undefined) await ports.store.remove(segment.key);
    if (counts && ingest.options.useStatCache) await ports.statCache?.keep(this.#cacheRows);
    return counts;
  }

  async #runBatch(names: EncodedNames): Promise<IngestBatchOutput> {
    const byteBudget = Math.max(1, LIMITS.shardBytes - this.#bytes);
    const output = await this.#context.ports.pool.run(
      'ingestBatch',
      { ...this.#batch, names, byteBudget },
      { signal: this.#context.signal, answer: (question) => this.#answer(question) },
    );
    this.#storer.written(output.packed);
    this.#notices.push(...output.notices);
    if (output.cacheRows.length > 0) this.#cacheRows.push(output.cacheRows);
    for (const part of output.parts) this.#addPart(part);
    const { counts } = output;
    this.#files += counts.files;
    this.#bytes += counts.bytes;
    this.#filesHashed += counts.filesHashed;
    this.#bytesHashed += counts.bytesHashed;
    this.#context.progress.addCounts(withoutLarge(counts, output.parts));
    return output;
  }

  #addPart(part: BatchPart): void {
    if (part.kind === 'frame') {
      this.#frames.push(Promise.resolve(part.frame));
      return;
    }
    const frame = this.#storeLarge(part.file);
    // Awaited at the end of the shard; until then a failure must not count as unhandled.
    frame.catch(() => undefined);
    this.#frames.push(frame);
  }

  async #storeLarge(file: Extract<BatchPart, { kind: 'large' }>['file']): Promise<SegmentFrame | undefined> {
    const { ingest, large, progress } = this.#context;
    using followed = progress.followLarge(file);
    const { counter } = followed;
    const add = { context: this.#batch, ingestId: ingest.ingestId, file, counter };
    const { result, draft } = await large.add(add);
    await using held = draft;
    if (result.kind === 'failed') {
      this.#notices.push(result.notice);
      this.#files--;
      this.#bytes -= file.sizeBytes;
      return undefined;
    }
    // The file may have grown or shrunk between the look at it and the hash.
    this.#bytes += result.sizeBytes - file.sizeBytes;
    if (held !== undefined) {
      await this.#storer.storeLarge({ draft: held, digest: result.digest, sizeBytes: result.sizeBytes });
    }
    if (result.cacheRows.length > 0) this.#cacheRows.push(result.cacheRows);
    const bytes = result.sizeBytes;
    followed.finish({ files: 1, bytes, filesHashed: 1, bytesHashed: bytes });
    return result.frame;
  }

  async #answer(question: BatchQuestion): Promise<BatchAnswer> {
    const { catalog } = this.#context.ports;
    const { signal } = this.#context;
    switch (question.kind) {
      case 'proven':
        return {
          kind: 'proven',
          ingests: await catalog.committedIngests(question.ingests, { entity: this.#batch.entity, signal }),
        };
      case 'present':
        return { kind: 'present', present: await this.#storer.present(question.digests) };
      case 'claim': {
        const wanted = await this.#storer.claim(question.digests);
        let bytes = 0;
        for (const [index, length] of question.lengths.entries()) if (wanted[index] === 1) bytes += length;
        const region = wanted.includes(1) ? await this.#storer.allocate(bytes) : undefined;
        return { kind: 'claim', wanted, region };
      }
    }
  }

  /** The shard holds more bytes than one may: what is left becomes shards that others can take at once. */
  async #cutShort(keepCount: number, total: number): Promise<void> {
    const { ports, signal } = this.#context;
    const { shardId, attempt, sourceIndex, listKey, listSkip, layer } = this.#shard;
    const left = total - keepCount;
    const step = Math.max(1, Math.ceil(left / SPLIT_INTO));
    const remainder: NewShard[] = [];
    for (let at = 0; at < left; at += step) {
      const listCount = Math.min(step, left - at);
      remainder.push({ sourceIndex, listKey, listSkip: listSkip + keepCount + at, listCount, layer });
    }
    ports.faults.reach('shard.split');
    const added = await ports.catalog.splitShard({ shardId, attempt, keepCount, remainder }, { signal });
    if (added === undefined) throw await lostIngest(this.#context);
    this.#context.onNewShards(added);
  }

  async #writeSegment(frames: readonly SegmentFrame[]): Promise<SegmentRef> {
    const { ports, ingest, signal } = this.#context;
    const { shardId, attempt, layer, sourceIndex } = this.#shard;
    const unique = ports.random.uniqueName();
    const key = storeKeys.segment(ingest.artifact.entity, {
      ingestId: ingest.ingestId,
      shardId,
      attempt,
      unique,
    });
    const chunks = ports.segments.encodeSegment({ layer, sourceIndex, frames });
    ports.faults.reach('shard.segment.write');
    await ports.store.writeObject(key, chunks, { signal });
    return {
      key,
      layer,
      sourceIndex,
      entryCount: frames.reduce((sum, frame) => sum + frame.entryCount, 0),
      sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      firstPath: frames[0]?.firstPath ?? '',
      lastPath: frames.at(-1)?.lastPath ?? '',
    };
  }

  async #stopIfAsked(): Promise<void> {
    const { ports, ingest, signal } = this.#context;
    throwIfCancelled(signal);
    const now = await ports.catalog.getIngestState(ingest.ingestId, { signal });
    const wanted = now?.fence === ingest.fence && now.state !== 'CANCELLING' && now.state !== 'CANCELLED';
    if (!wanted) throw await lostIngest(this.#context);
  }
}

/** Progress counts a large file when it is done, not when it is found. */
function withoutLarge(counts: FileCounts, parts: readonly BatchPart[]): FileCounts {
  const large = parts.filter((part) => part.kind === 'large');
  const bytes = large.reduce((sum, { file }) => sum + file.sizeBytes, 0);
  return {
    files: counts.files - large.length,
    bytes: counts.bytes - bytes,
    filesHashed: counts.filesHashed - large.length,
    bytesHashed: counts.bytesHashed - bytes,
  };
}

function sourceRoot(source: IngestSource): string {
  if (source.kind === 'directory') return source.path;
  const slash = source.path.lastIndexOf('/');
  return slash <= 0 ? '/' : source.path.slice(0, slash);
}
