import { isAscii, isUtf8 } from 'node:buffer';
import { formatProblem } from './corrupt.ts';

/**
 * A substring keeps the text it was cut from alive. Texts are cut from parents of this many, so that whoever
 * holds one path of a manifest holds a few KiB with it, not a page.
 */
const TEXTS_PER_PARENT = 16;

/** `count` texts whose UTF-8 bytes lie one behind the other, `gap` bytes apart, in some buffer. */
export interface TextSpans {
  readonly bytes: Buffer;
  /** Where the first text begins. */
  readonly start: number;
  readonly lengths: Uint32Array;
  readonly count: number;
  /** Bytes between two texts. */
  readonly gap: number;
}

/** Decodes texts many at a time; one call for each would cost more than all the rest of reading. */
export function readTexts(spans: TextSpans): string[] {
  const { lengths, count, gap } = spans;
  const texts = new Array<string>(count);
  let from = spans.start;
  for (let first = 0; first < count; first += TEXTS_PER_PARENT) {
    const end = Math.min(first + TEXTS_PER_PARENT, count);
    let to = from;
    for (let index = first; index < end; index++) to += (lengths[index] ?? 0) + gap;
    readParent(spans, { texts, first, end, from, to: to - gap });
    from = to;
  }
  return texts;
}

interface Parent {
  readonly texts: string[];
  readonly first: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

function readParent({ bytes, lengths, gap }: TextSpans, { texts, first, end, from, to }: Parent): void {
  let at = from;
  if (isAscii(bytes.subarray(from, to))) {
    const parent = bytes.toString('latin1', from, to);
    at = 0;
    for (let index = first; index < end; index++) {
      const length = lengths[index] ?? 0;
      texts[index] = parent.substring(at, at + length);
      at += length + gap;
    }
    return;
  }
  for (let index = first; index < end; index++) {
    const length = lengths[index] ?? 0;
    texts[index] = readText(bytes, at, at + length);
    at += length + gap;
  }
}

/** Throws a format problem for bytes that are not UTF-8: decoding them would quietly give another text. */
export function readText(bytes: Buffer, from: number, to: number): string {
  if (to > bytes.length) throw formatProblem('holds a text that runs past its end');
  if (!isUtf8(bytes.subarray(from, to))) throw formatProblem('holds a text that is not UTF-8');
  return bytes.toString('utf8', from, to);
}
