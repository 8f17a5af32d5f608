/** Glob patterns over entry paths: `*` within a folder, `**` across, `?`, `[a-z]`, `{a,b}`; names may hold any character. */
export interface Globs {
  /** Whether a path matches any of the patterns. `INVALID_GLOB` names the pattern. */
  compile(patterns: readonly string[]): (path: string) => boolean;
}
