import { ArtifactError, ERROR_CODES, encodeError } from '@waybill/core';
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

/** What `details.problems` lists and the message does not say yet. */
function problemLines(error: unknown): string[] {
  if (!(error instanceof ArtifactError)) return [];
  const listed: unknown = error.details['problems'];
  if (!Array.isArray(listed)) return [];
  const texts = listed.filter((problem) => typeof problem === 'string');
  const untold = texts.filter((problem) => !error.message.includes(problem));
  const shown = untold.slice(0, PROBLEMS_SHOWN);
  if (untold.length > shown.length) shown.push(`and ${untold.length - shown.length} more`);
  // The message itself names no more of them than people read.
  if (listed.length > PROBLEMS_SHOWN) shown.push('--json lists them');
  return shown;
}
