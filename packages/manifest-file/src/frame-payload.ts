import { DIGEST_BYTES, type Entry, invariant, isTombstone, type SegmentRow } from '@waybill/core';
import { DIGEST_CHARS, decodeDigest } from './base64-digest.ts';
import { ByteSink } from './byte-sink.ts';
import { assertAscending } from './path-order.ts';
import { appendTexts } from './text-bytes.ts';

/** What a row of a frame holds besides its path. No bit: a stored file with a content digest and a size. */
export const ROW_FLAGS = {
  ref: 1,
  extra: 2,
  birthArtifactId: 4,
  sha256: 8,
  textDigest: 16,
  unknownSize: 32,
  tombstone: 64,
} as const;

/** Flags whose values lie in the texts at the end of the payload. */
export const TEXT_FLAGS: number =
  ROW_FLAGS.ref | ROW_FLAGS.extra | ROW_FLAGS.birthArtifactId | ROW_FLAGS.sha256 | ROW_FLAGS.textDigest;

/** Rows with one of these flags have no raw digest. */
export const NO_RAW_DIGEST: number = ROW_FLAGS.textDigest | ROW_FLAGS.tombstone;

/** Rows with one of these flags have no size. */
export const NO_SIZE: number = ROW_FLAGS.unknownSize | ROW_FLAGS.tombstone;

/**
 * Encodes rows column by column (`docs/formats/segment.md`): equal things side by side compress better, and one
 * call encodes a thousand paths. Its buffers are reused, so what `encode` answers is good until the next call.
 */
export class FramePayloadEncoder {
  readonly #paths = new ByteSink();
  readonly #digests = new ByteSink();
  readonly #payload = new ByteSink();
  #flags: Uint8Array = new Uint8Array(0);
  #pathBytes: Uint32Array = new Uint32Array(0);

  /** Rows must ascend strictly by the UTF-8 bytes of their paths; anything else is a mistake of the caller. */
  encode(rows: readonly SegmentRow[]): Buffer<ArrayBuffer> {
    this.#measureRows(rows);
    const paths = rows.map((row) => row.path);
    this.#paths.reset();
    appendTexts(this.#paths, paths, this.#pathBytes);
    assertAscending(paths, { bytes: this.#paths.written, lengths: this.#pathBytes });
    this.#encodeDigests(rows);
    const payload = this.#payload;
    payload.reset();
    payload.bytes(this.#flags);
    for (const length of this.#pathBytes) payload.varint(length);
    payload.bytes(this.#paths.written);
    payload.bytes(this.#digests.written);
    for (const [index, row] of rows.entries()) {
      const hasSize = ((this.#flags[index] ?? 0) & NO_SIZE) === 0;
      if (hasSize && !isTombstone(row)) payload.varint(checkedSize(row));
    }
    for (const [index, row] of rows.entries()) {
      const flags = this.#flags[index] ?? 0;
      if ((flags & TEXT_FLAGS) !== 0 && !isTombstone(row)) appendOptional(payload, row, flags);
    }
    return payload.written;
  }

  #measureRows(rows: readonly SegmentRow[]): void {
    if (this.#flags.length !== rows.length) {
      this.#flags = new Uint8Array(rows.length);
      this.#pathBytes = new Uint32Array(rows.length);
    }
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index];
      if (row !== undefined) this.#flags[index] = isTombstone(row) ? ROW_FLAGS.tombstone : entryFlags(row);
    }
  }

  /** Raw bytes of the content digests; rows with another digest are flagged and keep it as text. */
  #encodeDigests(rows: readonly SegmentRow[]): void {
    const flags = this.#flags;
    const joined = this.#joinDigests(rows);
    const text = this.#payload;
    text.reset();
    const isAscii = text.text(joined) === joined.length;
    const source = text.written;
    this.#digests.reset();
    const target = this.#digests.reserve((source.length / DIGEST_CHARS + 1) * DIGEST_BYTES);
    let from = 0;
    let to = 0;
    for (let index = 0; index < rows.length; index++) {
      const flag = flags[index] ?? 0;
      if ((flag & NO_RAW_DIGEST) !== 0) continue;
      if (isAscii && decodeDigest(source, from, target, to)) to += DIGEST_BYTES;
      else flags[index] = flag | ROW_FLAGS.textDigest;
      from += DIGEST_CHARS;
    }
    this.#digests.advance(to);
  }

  /** Digests as long as a content digest, back to back; others are flagged. */
  #joinDigests(rows: readonly SegmentRow[]): string {
    const flags = this.#flags;
    let joined = '';
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index];
      if (row === undefined || isTombstone(row)) continue;
      if (row.digest.length === DIGEST_CHARS) joined += row.digest;
      else flags[index] = (flags[index] ?? 0) | ROW_FLAGS.textDigest;
    }
    return joined;
  }
}

function entryFlags(entry: Entry): number {
  return (
    (entry.ref === undefined ? 0 : ROW_FLAGS.ref) |
    (entry.extra === undefined ? 0 : ROW_FLAGS.extra) |
    (entry.birthArtifactId === undefined ? 0 : ROW_FLAGS.birthArtifactId) |
    (entry.sha256 === undefined ? 0 : ROW_FLAGS.sha256) |
    (entry.sizeBytes === undefined ? ROW_FLAGS.unknownSize : 0)
  );
}

function checkedSize({ sizeBytes = -1 }: Entry): number {
  invariant(
    Number.isSafeInteger(sizeBytes) && sizeBytes >= 0,
    'SEG-4',
    `an entry of a segment has the size ${sizeBytes}`,
  );
  return sizeBytes;
}

function appendOptional(payload: ByteSink, entry: Entry, flags: number): void {
  if ((flags & ROW_FLAGS.textDigest) !== 0) appendText(payload, entry.digest);
  if (entry.ref !== undefined) appendText(payload, entry.ref);
  if (entry.extra !== undefined) appendText(payload, JSON.stringify(entry.extra));
  if (entry.birthArtifactId !== undefined) appendText(payload, entry.birthArtifactId);
  if (entry.sha256 !== undefined) appendText(payload, entry.sha256);
}

function appendText(payload: ByteSink, text: string): void {
  invariant(
    text.isWellFormed(),
    'TXT-1',
    `a text to be stored is not valid Unicode: ${JSON.stringify(text)}`,
  );
  payload.lengthAndText(text);
}
