import ignore, { type Ignore } from 'ignore';
import type { IgnoreFile } from './walk-request.ts';

/** Name of the files that say what a walk passes over, with the syntax and rules of `.gitignore`. */
export const IGNORE_FILE = '.waybillignore';

/**
 * The ignore files that apply in one folder. Patterns of all of them are put into one matcher, rewritten to be
 * relative to the root: only so does an inner file have the last word on what an outer one says, as in git.
 */
export class IgnoreScope {
  readonly files: readonly IgnoreFile[];
  #matcher: Ignore | undefined;

  constructor(files: readonly IgnoreFile[]) {
    this.files = files;
  }

  /** The scope of a folder inside, with an ignore file of its own. */
  with(file: IgnoreFile): IgnoreScope {
    return new IgnoreScope([...this.files, file]);
  }

  /** Whether a path relative to the root is passed over; those of folders end in `/`. Folders above it are not. */
  ignores(path: string): boolean {
    if (this.files.length === 0) return false;
    this.#matcher ??= compile(this.files);
    return this.#matcher.ignores(path);
  }
}

function compile(files: readonly IgnoreFile[]): Ignore {
  const matcher = ignore({ ignorecase: false, allowRelativePaths: true });
  for (const { folder, text } of files) {
    const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
    const patterns = lines.map((line) => rebase(line, folder)).filter((pattern) => pattern !== undefined);
    // As objects, since the name of a folder may hold a newline.
    matcher.add(patterns.map((pattern) => ({ pattern })));
  }
  return matcher;
}

/** A line of the ignore file in `folder` as a pattern relative to the root; `undefined` for a line that says nothing. */
function rebase(line: string, folder: string): string | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const negated = line.startsWith('!');
  const body = withoutTrailingSpaces(negated ? line.slice(1) : line);
  if (body === '' || body === '/') return undefined;
  const sign = negated ? '!' : '';
  if (folder === '') return sign + body;
  const base = `/${folder.replaceAll(/[\\*?[\]]/g, '\\$&')}`;
  // A slash anywhere but at the end ties a pattern to the folder of its file.
  const anchored = body.slice(0, -1).includes('/');
  return `${sign}${base}${anchored ? body.replace(/^\//, '') : `**/${body}`}`;
}

/** Spaces at the end count only when quoted. */
function withoutTrailingSpaces(body: string): string {
  return body.replace(/(?<!\\)((?:\\\\)*) +$/, '$1');
}
