import { type Entry, invariant } from '@waybill/core';
import { ByteSink } from './byte-sink.ts';
import { GROUP_ROWS_MAX } from './manifest-schema.ts';
import { assertAscending } from './path-order.ts';
import { appendTexts } from './text-bytes.ts';

/** What the Parquet writer takes for each column: bytes of texts, or integers; null for what is absent. */
export interface GroupColumns {
  readonly path: Uint8Array[];
  readonly digest: Uint8Array[];
  readonly size: (bigint | null)[];
  readonly ref: (Uint8Array | null)[];
  readonly extra: (Uint8Array | null)[];
  readonly birth_artifact_id: (Uint8Array | null)[];
  readonly sha256: (Uint8Array | null)[];
}

/**
 * Turns the entries of a row group into columns of bytes. Its buffers are reused: the columns are good until the
 * next call.
 */
export class GroupEncoder {
  readonly #sink = new ByteSink();
  readonly #lengths = new Uint32Array(GROUP_ROWS_MAX);
  readonly #absent: null[] = new Array<null>(GROUP_ROWS_MAX).fill(null);
  /** Columns that may be absent altogether keep their own, rarely used, sink. */
  readonly #optionalSink = new ByteSink();

  /** @param entries at most {@link GROUP_ROWS_MAX}, ascending strictly by path; anything else is `INTERNAL` */
  encode(entries: readonly Entry[]): GroupColumns {
    const paths = entries.map((entry) => entry.path);
    this.#sink.reset();
    const lengths = this.#lengths.subarray(0, entries.length);
    appendTexts(this.#sink, paths, lengths);
    assertAscending(paths, { bytes: this.#sink.written, lengths });
    const pathEnds = this.#sink.length;
    const pathLengths = lengths.slice();
    appendTexts(
      this.#sink,
      entries.map((entry) => entry.digest),
      lengths,
    );
    // Views only now: the buffer may have grown, and moved, while texts were appended.
    const bytes = this.#sink.written;
    return {
      path: cut(bytes, 0, pathLengths),
      digest: cut(bytes, pathEnds, lengths),
      size: entries.map((entry) => sizeValue(entry)),
      ...this.#optionalColumns(entries),
    };
  }

  #optionalColumns(entries: readonly Entry[]): Omit<GroupColumns, 'path' | 'digest' | 'size'> {
    return {
      ref: this.#optional(entries, (entry) => entry.ref),
      extra: this.#optional(entries, (entry) => entry.extra && JSON.stringify(entry.extra)),
      birth_artifact_id: this.#optional(entries, (entry) => entry.birthArtifactId),
      sha256: this.#optional(entries, (entry) => entry.sha256),
    };
  }

  #optional(entries: readonly Entry[], textOf: (entry: Entry) => string | undefined): (Uint8Array | null)[] {
    const texts = entries.map(textOf);
    if (texts.every((text) => text === undefined)) return this.#absent.slice(0, entries.length);
    const present = texts.filter((text) => text !== undefined);
    const sink = this.#optionalSink;
    sink.reset();
    const lengths = new Uint32Array(present.length);
    appendTexts(sink, present, lengths);
    // A copy: the sink serves four columns.
    const values = cut(new Uint8Array(sink.written), 0, lengths);
    let next = 0;
    return texts.map((text) => (text === undefined ? null : (values[next++] ?? null)));
  }
}

function cut(bytes: Uint8Array, start: number, lengths: Uint32Array): Uint8Array[] {
  const values = new Array<Uint8Array>(lengths.length);
  let at = bytes.byteOffset + start;
  for (let index = 0; index < lengths.length; index++) {
    const length = lengths[index] ?? 0;
    values[index] = new Uint8Array(bytes.buffer, at, length);
    at += length;
  }
  return values;
}

function sizeValue({ path, sizeBytes }: Entry): bigint | null {
  if (sizeBytes === undefined) return null;
  const isValid = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0;
  invariant(isValid, 'MAN-1', `entry ${JSON.stringify(path)} has the size ${sizeBytes}`);
  return BigInt(sizeBytes);
}
