import type { EncodedError } from '../errors.ts';
import type { IngestState } from '../states.ts';
import type { CallOptions } from './blob-store.ts';
import type {
  CommitRequest,
  CommitResult,
  IngestRecord,
  IngestSpec,
  NewNotice,
  NewShard,
  NoticeRecord,
  Page,
  SegmentRef,
  ShardRecord,
  ShardResult,
} from './records.ts';

/** Ingests and their shards: the record from which any process can go on. */
export interface IngestCatalog {
  /**
   * Records a new ingest in state PLANNING with fence 1. `TYPE_CONFLICT` when the artifact exists with another type or
   * digest algorithm. The artifact itself appears with its first commit.
   */
  createIngest(spec: IngestSpec, options?: CallOptions): Promise<IngestRecord>;
  getIngest(ingestId: string, options?: CallOptions): Promise<IngestRecord | undefined>;
  /** The part of the record that stages look at with every batch, at a fraction of the cost. */
  getIngestState(
    ingestId: string,
    options?: CallOptions,
  ): Promise<{ state: IngestState; fence: number } | undefined>;
  /** In order of creation; `after` is a `sequence`. */
  listIngests(
    filter: { states?: readonly IngestState[]; fingerprint?: string; entity?: string } & Page,
    options?: CallOptions,
  ): Promise<IngestRecord[]>;
  /**
   * Compare-and-set of the state. With `newFence` the fence goes up by one, so that an older execution loses every
   * later compare. Answers the record after the change, or `undefined` when state or fence were not the expected ones.
   * Moving to FINALIZING while a shard is not done is `INTERNAL`.
   */
  moveIngest(
    change: {
      ingestId: string;
      from: readonly IngestState[];
      to: IngestState;
      fence?: number;
      newFence?: boolean;
      error?: EncodedError;
    },
    options?: CallOptions,
  ): Promise<IngestRecord | undefined>;
  /** Forgets every shard and notice: the sources are about to be planned anew. Only in PLANNING with this fence. */
  resetShards(ingest: { ingestId: string; fence: number }, options?: CallOptions): Promise<void>;
  /** Adds shards while PLANNING with this fence, else `CANCELLED` or `STATE_CONFLICT`. */
  addShards(
    ingest: { ingestId: string; fence: number },
    shards: readonly NewShard[],
    options?: CallOptions,
  ): Promise<ShardRecord[]>;
  /** Adds what the walk of a source came across, while PLANNING with this fence; else `CANCELLED` or `STATE_CONFLICT`. */
  addWalkNotices(
    ingest: { ingestId: string; fence: number },
    walked: { sourceIndex: number; notices: readonly NewNotice[] },
    options?: CallOptions,
  ): Promise<void>;
  /** Forgets what walks of this source and those behind it came across: they are walked again. Errors as above. */
  dropWalkNotices(
    ingest: { ingestId: string; fence: number },
    from: { sourceIndex: number },
    options?: CallOptions,
  ): Promise<void>;
  listNotices(
    filter: { ingestId: string; severity?: NewNotice['severity'] } & Page,
    options?: CallOptions,
  ): Promise<NoticeRecord[]>;
  countNotices(ingestId: string, options?: CallOptions): Promise<{ leftOut: number; failed: number }>;
  /** In order of `shardId`; `after` is a `shardId`. */
  listShards(
    filter: { ingestId: string; state?: ShardRecord['state'] } & Page,
    options?: CallOptions,
  ): Promise<ShardRecord[]>;
  /** Starts an attempt: attempt + 1. `undefined` when the shard is done or gone, or the fence is not current. */
  startShard(
    shard: { shardId: number; fence: number },
    options?: CallOptions,
  ): Promise<ShardRecord | undefined>;
  /**
   * Cuts a running shard short when it turns out to hold more than a shard may: it keeps the first `keepCount` names of
   * its slice, the rest become new shards. Compare-and-set on the attempt, one transaction; `undefined` when lost.
   */
  splitShard(
    split: { shardId: number; attempt: number; keepCount: number; remainder: readonly NewShard[] },
    options?: CallOptions,
  ): Promise<ShardRecord[] | undefined>;
  /** Compare-and-set on the attempt: answers whether this attempt is the one that counts. */
  completeShard(result: ShardResult, options?: CallOptions): Promise<boolean>;
  /** Segments of all done shards, ordered by layer, then first path in UTF-8 byte order, streaming. */
  listSegments(ingestId: string, options?: CallOptions): AsyncIterable<SegmentRef>;
  /**
   * Which of these ingests (by `sequence`) ended in a version that is COMMITTED now, their own or one with the same
   * entries stored: what such an ingest recorded is
   * stored, and stays stored for every ingest that is open already. Blobs belong to an entity, so name the one in whose
   * index they must be. An ingest that was planned anew proves nothing: it may have recorded what it then left out.
   */
  committedIngests(
    sequences: readonly number[],
    options?: { entity?: string } & CallOptions,
  ): Promise<number[]>;
  /** One transaction under the artifact's row lock. `TYPE_CONFLICT` as in `createIngest`. */
  commitIngest(request: CommitRequest, options?: CallOptions): Promise<CommitResult>;
}

/** Tells a live ingest from an interrupted one. The system frees the lock when its process dies in any way. */
export interface IngestLocks {
  /** The held lock, or `undefined` when another process (or call) holds it. */
  acquire(ingestId: string): Promise<AsyncDisposable | undefined>;
}
