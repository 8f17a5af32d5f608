import { ArtifactError, encodeError } from '@waybill/core';
import { causeText } from './json-report.ts';
import { displayMessage, type Paint } from './text.ts';

/** Problems of one error that are printed; the rest is counted. All of them are in `--json`. */
const PROBLEMS_SHOWN = 20;

/** An error for people: what, why, and the list it brings along. A bug shows its stack as well. */
export function renderError(error: unknown, paint: Paint): string {
  const encoded = encodeError(error);
  const lines = [`${paint('red', 'waybill:')} ${displayMessage(encoded.message)}`];
  for (const problem of problemLines(error)) lines.push(`  ${displayMessage(problem)}`);
  const cause = causeText(encoded);
  if (cause !== undefined) lines.push(paint('dim', `  because: ${displayMessage(cause)}`));
  if (encoded.code === 'INTERNAL' && encoded.stack !== undefined) {
    lines.push(paint('dim', displayMessage(encoded.stack)));
  }
  return `${lines.join('\n')}\n`;
}

/** What `details.problems` lists and the message does not say yet. */
function problemLines(error: unknown): string[] {
  if (!(error instanceof ArtifactError)) return [];
  const listed = error.details['problems'];
  if (!Array.isArray(listed)) return [];
  const problems = listed
    .filter((problem) => typeof problem === 'string')
    .filter((problem) => !error.message.includes(problem));
  const hidden = problems.length - PROBLEMS_SHOWN;
  const shown = problems.slice(0, PROBLEMS_SHOWN);
  return hidden > 0 ? [...shown, `and ${hidden} more`] : shown;
}
