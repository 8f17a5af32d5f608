const JOINED_BYTES = 1_048_576;

/** The same bytes in pieces of about 1 MiB: many small chunks cost a call each. Large ones are passed on as they are. */
export async function* joinChunks(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  for await (const chunk of chunks) {
    if (waitingBytes + chunk.length > JOINED_BYTES && waitingBytes > 0) {
      yield Buffer.concat(waiting, waitingBytes);
      waiting = [];
      waitingBytes = 0;
    }
    if (chunk.length >= JOINED_BYTES) {
      yield chunk;
      continue;
    }
    // Copied, since the producer may use its buffer again.
    waiting.push(chunk.slice());
    waitingBytes += chunk.length;
  }
  if (waitingBytes > 0) yield Buffer.concat(waiting, waitingBytes);
}
