import { ArtifactError, ERROR_CODES, encodeError, quotePath } from '@waybill/core';
import { causeText } from './json-report.ts';
import { displayMessage, type Paint } from './text.ts';

/** Problems of one error that are printed; the rest is counted. */
const PROBLEMS_SHOWN = 20;

/** An error for people: what, why, and the list it brings along. A bug shows its stack as well. */
export function renderError(error: unknown, paint: Paint): string {
  const encoded = encodeError(error);
  const lines = [`${paint('red', 'waybill:')} ${displayMessage(encoded.message)}`];
  for (const problem of problemLines(error)) lines.push(`  ${displayMessage(problem)}`);
  // Where the message says what is wrong with the request, the system's own words add nothing.
  const explained = ['usage', 'not-found'].includes(ERROR_CODES[encoded.code].outcome);
  const cause = explained ? undefined : causeText(encoded);
  if (cause !== undefined) lines.push(paint('dim', `  because: ${displayMessage(cause)}`));
  if (encoded.code === 'INTERNAL' && encoded.stack !== undefined) {
    lines.push(paint('dim', displayMessage(encoded.stack)));
  }
  return `${lines.join('\n')}\n`;
}

/** What `details.problems` lists and the message does not say yet; `details.count` may say that there are more. */
function problemLines(error: unknown): string[] {
  if (!(error instanceof ArtifactError)) return [];
  const listed: unknown = error.details['problems'];
  if (!Array.isArray(listed)) return [];
  const texts = listed.map(problemText).filter((text) => text !== undefined);
  // A message that names one of them names as many as people read.
  if (texts.some((text) => error.message.includes(text))) return [];
  const { count } = error.details;
  const total = typeof count === 'number' ? Math.max(count, texts.length) : texts.length;
  const shown = texts.slice(0, PROBLEMS_SHOWN);
  if (total === shown.length) return shown;
  const inJson = total > texts.length ? `${texts.length} of them` : 'them';
  return [...shown, `and ${total - shown.length} more`, `--json lists ${inJson}`];
}

/** A problem is a text, or a path and what is the matter with it. */
function problemText(problem: unknown): string | undefined {
  if (typeof problem === 'string') return problem;
  if (typeof problem !== 'object' || problem === null) return undefined;
  const { path, message } = problem as { path?: unknown; message?: unknown };
  if (typeof path !== 'string' || typeof message !== 'string') return undefined;
  const name = quotePath(path);
  return message.includes(path) || message.includes(name) ? message : `${name}: ${message}`;
}
