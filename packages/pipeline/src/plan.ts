import {
  compareUtf8,
  decodeNames,
  type EncodedNames,
  encodeNames,
  LIMITS,
  type NewNotice,
  type ShardRecord,
  storeKeys,
  throwIfCancelled,
} from '@waybill/core';
import type { IngestContext } from './ingest-context.ts';
import { readList, writeList } from './list-file.ts';
import { countNames, joinNames } from './names-codec.ts';

/** The first shards are small, so that a small ingest is spread over all threads too. */
const FIRST_SHARDS = [1_000, 1_000, 1_000, 1_000, 2_500, 2_500, 5_000, 5_000];
const SHARDS_PER_PAGE = 500;

/** Where an interrupted plan ended: sources before are planned, and of this one the names up to `name`. */
interface PlanCursor {
  readonly sourceIndex: number;
  readonly name: string;
}

/**
 * Walks the sources and cuts them into shards, each with its names in a staged list. Streams: holds the names of
 * one shard. Yields shards as they are recorded; the consumer's pace is the walk's pace. An interrupted plan goes on
 * behind the last name it has recorded.
 */
export async function* planShards(context: IngestContext): AsyncGenerator<readonly ShardRecord[]> {
  const { ingest } = context;
  const cursor = await findCursor(context);
  const planner = new ShardPlanner(context);
  // The source under way is walked again from its start, so what its walk came across is noted again.
  await planner.dropNotices(cursor?.sourceIndex ?? 0);
  for (const sourceIndex of ingest.sources.keys()) {
    if (cursor !== undefined && sourceIndex < cursor.sourceIndex) continue;
    const after = cursor?.sourceIndex === sourceIndex ? cursor.name : undefined;
    yield* planner.planSource(sourceIndex, after);
  }
}

class ShardPlanner {
  readonly #context: IngestContext;
  #shards = 0;

  constructor(context: IngestContext) {
    this.#context = context;
  }

  async dropNotices(sourceIndex: number): Promise<void> {
    const { ports, ingest, signal } = this.#context;
    ports.faults.reach('plan.notices.drop');
    await ports.catalog.dropWalkNotices(ingest, { sourceIndex }, { signal });
  }

  async *planSource(sourceIndex: number, after: string | undefined): AsyncGenerator<readonly ShardRecord[]> {
    const { ports, ingest, signal } = this.#context;
    const source = ingest.sources[sourceIndex];
    if (source === undefined) return;
    let names: EncodedNames = new Uint8Array(0);
    let count = 0;
    for await (const chunk of ports.source.walk(source, { ...ingest.options, signal })) {
      throwIfCancelled(signal);
      await this.#addNotices(sourceIndex, chunk.notices);
      const fresh = after === undefined ? chunk.names : namesAfter(chunk.names, after);
      const freshCount = after === undefined ? chunk.count : countNames(fresh);
      if (count > 0 && count + freshCount > this.#shardEntries()) {
        yield await this.#addShard(sourceIndex, { names, count });
        names = new Uint8Array(0);
        count = 0;
      }
      names = joinNames(names, fresh);
      count += freshCount;
    }
    if (count > 0) yield await this.#addShard(sourceIndex, { names, count });
  }

  #shardEntries(): number {
    return FIRST_SHARDS[this.#shards] ?? LIMITS.shardEntries;
  }

  async #addShard(
    sourceIndex: number,
    list: { names: EncodedNames; count: number },
  ): Promise<readonly ShardRecord[]> {
    const { ports, ingest, signal, progress } = this.#context;
    const unique = ports.random.uniqueName();
    const key = storeKeys.list(ingest.artifact.entity, { ingestId: ingest.ingestId, unique });
    ports.faults.reach('plan.list.write');
    await writeList(ports, { key, names: list.names, signal });
    ports.faults.reach('plan.shard.add');
    const shard = { sourceIndex, listKey: key, listSkip: 0, listCount: list.count, layer: 1 };
    const added = await ports.catalog.addShards(ingest, [shard], { signal });
    this.#shards++;
    progress.addPlanned(list.count);
    return added;
  }

  async #addNotices(sourceIndex: number, notices: readonly NewNotice[]): Promise<void> {
    if (notices.length === 0) return;
    const { ports, ingest, signal } = this.#context;
    ports.faults.reach('plan.notices.add');
    await ports.catalog.addWalkNotices(ingest, { sourceIndex, notices }, { signal });
  }
}

/** The end of the newest list. Shards cut out of another lie inside its list, so they do not count. */
async function findCursor(context: IngestContext): Promise<PlanCursor | undefined> {
  const { ports, ingest, signal } = context;
  let newest: ShardRecord | undefined;
  let after: number | undefined;
  for (;;) {
    const page = await ports.catalog.listShards(
      { ingestId: ingest.ingestId, after, limit: SHARDS_PER_PAGE },
      { signal },
    );
    newest = page.findLast((shard) => shard.listSkip === 0) ?? newest;
    after = page.at(-1)?.shardId;
    if (page.length < SHARDS_PER_PAGE) break;
  }
  if (newest === undefined) return undefined;
  const names = await readList(ports, {
    key: newest.listKey,
    skip: 0,
    take: Number.MAX_SAFE_INTEGER,
    signal,
  });
  const name = decodeNames(names).at(-1);
  return name === undefined ? undefined : { sourceIndex: newest.sourceIndex, name };
}

function namesAfter(names: EncodedNames, after: string): EncodedNames {
  return encodeNames(decodeNames(names).filter((name) => compareUtf8(name, after) > 0));
}
