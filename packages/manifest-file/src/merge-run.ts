import { invariant, type SegmentRow } from '@waybill/core';
import { type BlockFileReader, BlockFileWriter } from './block-file.ts';
import { FramePayloadEncoder } from './frame-payload.ts';
import { CursorMerge, type CursorPlace, MergeCursor, type MergePiece, sourceOf } from './merge-cursor.ts';
import { resolvePath, type SourceNames } from './path-conflicts.ts';
import type { ScratchFolder } from './scratch-folder.ts';
import { decodeFrame, encodeFrame } from './segment-frame.ts';
import type { FrameSource, SourcedFrame } from './segment-source.ts';

/** Rows of a frame of a run. */
const RUN_FRAME_ROWS = 1_000;

const SOURCE_BYTES = Uint32Array.BYTES_PER_ELEMENT;

export interface RunContext {
  readonly scratch: ScratchFolder;
  readonly names: SourceNames;
}

/**
 * Merges what is left of some cursors, all of one layer, into one: a run in a scratch file that is read like a
 * segment, except that each row has a source of its own. Tombstones stay: a lower layer may have what they remove.
 */
export async function collapse(cursors: readonly MergeCursor[], context: RunContext): Promise<MergeCursor> {
  const merge = new CursorMerge();
  for (const cursor of cursors) merge.add(cursor);
  const place = combine(cursors.map((cursor) => cursor.place));
  const run = new RunWriter(context.scratch);
  while (merge.size > 0) {
    await addPiece(run, merge.take(undefined), context.names);
    if (merge.needsRefill) await merge.refill();
  }
  return MergeCursor.start(await run.finish(), place);
}

async function addPiece(run: RunWriter, piece: MergePiece, names: SourceNames): Promise<void> {
  if (piece.kind === 'members') {
    const { row, sourceIndex } = resolvePath(piece.members, names);
    if (run.add(row, sourceIndex)) await run.flush();
    return;
  }
  for (let index = piece.from; index < piece.to; index++) {
    const row = piece.frame.rows[index];
    if (row !== undefined && run.add(row, sourceOf(piece.frame, index))) await run.flush();
  }
}

function combine(places: readonly CursorPlace[]): CursorPlace {
  const [first] = places;
  invariant(
    first !== undefined && places.every(({ layer }) => layer === first.layer),
    'SEG-13',
    'segments of different layers were to become one run',
  );
  return {
    layer: first.layer,
    ordinal: Math.min(...places.map(({ ordinal }) => ordinal)),
    generation: Math.max(...places.map(({ generation }) => generation)) + 1,
  };
}

/** Writes blocks of: u32 frame bytes, frame, u32 source index of each row. */
class RunWriter {
  readonly #file: BlockFileWriter;
  readonly #encoder = new FramePayloadEncoder();
  #rows: SegmentRow[] = [];
  #sources: number[] = [];

  constructor(scratch: ScratchFolder) {
    this.#file = new BlockFileWriter(scratch);
  }

  /** True when enough rows wait and {@link flush} is due. */
  add(row: SegmentRow, sourceIndex: number): boolean {
    this.#rows.push(row);
    this.#sources.push(sourceIndex);
    return this.#rows.length >= RUN_FRAME_ROWS;
  }

  async flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    const { bytes } = encodeFrame(this.#rows, this.#encoder);
    const sources = Uint32Array.from(this.#sources);
    const head = Buffer.alloc(SOURCE_BYTES);
    head.writeUInt32LE(bytes.length);
    await this.#file.append(Buffer.concat([head, bytes, new Uint8Array(sources.buffer)]));
    this.#rows = [];
    this.#sources = [];
  }

  async finish(): Promise<RunSource> {
    await this.flush();
    return new RunSource(await this.#file.finish());
  }
}

class RunSource implements FrameSource {
  readonly #file: BlockFileReader;

  constructor(file: BlockFileReader) {
    this.#file = file;
  }

  async next(): Promise<SourcedFrame | undefined> {
    const block = await this.#file.next();
    if (block === undefined) return undefined;
    const frameEnd = SOURCE_BYTES + block.readUInt32LE();
    const frame = decodeFrame(block.subarray(SOURCE_BYTES, frameEnd));
    const sources = new Uint32Array(Uint8Array.from(block.subarray(frameEnd)).buffer);
    return { ...frame, sources };
  }
}
