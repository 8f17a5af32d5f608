import { throwIfCancelled } from '@waybill/core';
import { streamPartBytes } from './part-sizes.ts';

/**
 * The bytes of a stream in parts as a store takes them, the last one shorter. Chunks are copied: the producer may use
 * its buffer again. An empty stream is one empty part.
 */
export async function* streamParts(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let number = 1;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  for await (const chunk of chunks) {
    throwIfCancelled(signal);
    for (let at = 0; at < chunk.length; ) {
      // What has no next part is the last one, so a full part waits until there is more.
      if (waitingBytes === streamPartBytes(number)) {
        yield Buffer.concat(waiting, waitingBytes);
        number++;
        waiting = [];
        waitingBytes = 0;
      }
      const piece = chunk.slice(at, at + streamPartBytes(number) - waitingBytes);
      waiting.push(piece);
      waitingBytes += piece.length;
      at += piece.length;
    }
  }
  yield Buffer.concat(waiting, waitingBytes);
}
