const SCHEME = 'file://';

/** The absolute local path a `file://` reference names; `undefined` for any other reference. */
export function localPathOf(ref: string): string | undefined {
  if (!ref.startsWith(`${SCHEME}/`)) return undefined;
  const path = ref.slice(SCHEME.length);
  if (!path.includes('%')) return path;
  try {
    const decoded = decodeURIComponent(path);
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    // Old clients wrote paths without escaping them.
    return path;
  }
}
