/** What failed first. Closing what was open may fail of it too (a full disk), and must not be told in its place. */
export function originalError(error: unknown): unknown {
  let original = error;
  while (original instanceof SuppressedError) original = original.suppressed;
  return original;
}
