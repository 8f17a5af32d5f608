import { invariant } from '@waybill/core';
import type { ByteSink } from './byte-sink.ts';

/**
 * Appends texts as UTF-8 one behind the other and notes how long each is. One call encodes them all as long as they
 * are ASCII; a call for each would cost more than the rest of writing.
 */
export function appendTexts(sink: ByteSink, texts: readonly string[], lengths: Uint32Array): void {
  const start = sink.length;
  let joined = '';
  for (const text of texts) joined += text;
  if (sink.text(joined) === joined.length) {
    for (let index = 0; index < texts.length; index++) lengths[index] = texts[index]?.length ?? 0;
    return;
  }
  // Beyond ASCII the lengths in bytes are not those of the strings.
  sink.truncate(start);
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index] ?? '';
    invariant(
      text.isWellFormed(),
      'TXT-1',
      `a text to be stored is not valid Unicode: ${JSON.stringify(text)}`,
    );
    lengths[index] = sink.text(text);
  }
}
