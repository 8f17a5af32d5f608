import { ArtifactError, type Globs } from '@waybill/core';
import picomatch from 'picomatch';

const PATTERN_CHARS_MAX = 8_192;

const OPTIONS = {
  // A leading dot is as good as any other character.
  dot: true,
  nonegate: true,
  noextglob: true,
  strictBrackets: true,
  maxLength: 2 * PATTERN_CHARS_MAX,
};

/** Glob patterns over whole entry paths, the dialect of the port made of picomatch's. */
export function createGlobs(): Globs {
  return { compile: (patterns) => anyOf(patterns.map(compilePattern)) };
}

function anyOf(matchers: readonly ((path: string) => boolean)[]): (path: string) => boolean {
  const [only] = matchers;
  if (matchers.length === 1 && only !== undefined) return only;
  return (path) => matchers.some((matches) => matches(path));
}

function compilePattern(pattern: string): (path: string) => boolean {
  const problem = patternProblem(pattern);
  if (problem !== undefined) throw invalid(pattern, problem);
  try {
    const { output } = picomatch.parse(translate(pattern), OPTIONS);
    // Newlines are characters of names, and one outside the basic plane is one character.
    const regex = new RegExp(`^(?:${withoutNeedlessEscapes(output)})$`, 'su');
    return (path) => regex.test(path);
  } catch (error) {
    throw invalid(pattern, Error.isError(error) ? error.message : String(error), error);
  }
}

function patternProblem(pattern: string): string | undefined {
  if (pattern === '') return 'it is empty';
  if (pattern.length > PATTERN_CHARS_MAX) return `it is longer than ${PATTERN_CHARS_MAX} characters`;
  if (pattern.includes('\0')) return 'it contains a NUL character';
  if (pattern.startsWith('/')) return 'paths are relative, so drop the leading "/"';
  if (pattern.split('/').includes('..')) return 'paths never contain ".."';
  if (/(?<!\\)(?:\\\\)*\\$/.test(pattern)) return 'nothing follows the "\\" at its end';
  return undefined;
}

/** Our patterns in picomatch's language. */
function translate(pattern: string): string {
  const path = pattern.replace(/^(?:\.\/+)+/, '').replaceAll(/\/{2,}/g, '/');
  // A folder stands for what is in it.
  const whole = path.endsWith('/') ? `${path}**` : path;
  return whole.replaceAll(/\\[\s\S]|[()|"]|\[!/g, (found) => {
    // The shell's way to say `[^a]`.
    if (found === '[!') return '[^';
    // A quoted letter is that letter, not a class of regular expressions.
    if (/^\\\w/.test(found)) return found.slice(1);
    // Parentheses, bars and quotes are characters of names (`data (1).csv`), not syntax.
    return found.length === 1 ? `\\${found}` : found;
  });
}

/** picomatch escapes more than a regular expression that knows all of Unicode puts up with. */
function withoutNeedlessEscapes(source: string): string {
  let inClass = false;
  return source.replaceAll(/\\[\s\S]|[[\]]/g, (found) => {
    if (found === '[') inClass = true;
    if (found === ']') inClass = false;
    const escaped = found[1];
    if (escaped === undefined || /[\w^$\\.*+?()[\]{}|/]/.test(escaped)) return found;
    return escaped === '-' && inClass ? found : escaped;
  });
}

function invalid(pattern: string, problem: string, cause?: unknown): ArtifactError {
  return new ArtifactError(
    'INVALID_GLOB',
    `the pattern ${JSON.stringify(pattern)} cannot be used: ${problem}; patterns know * ** ? [a-z] {a,b}, and \\ before any of these to mean the character`,
    { cause, details: { subject: pattern } },
  );
}
