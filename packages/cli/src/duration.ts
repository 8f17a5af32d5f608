import { ArtifactError } from '@waybill/core';

const UNIT_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;
const DURATION = /^(\d{1,9})(s|m|h|d|w)?$/;

/**
 * Parses a duration as `--grace` takes it: a whole number and a unit (`s`, `m`, `h`, `d`, `w`); without a unit, seconds.
 * Answers milliseconds.
 * @throws ArtifactError `INVALID_ARGUMENT`
 */
export function parseDurationMs(text: string): number {
  const match = DURATION.exec(text);
  if (match === null) {
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      `duration ${JSON.stringify(text)} is not a whole number with a unit; write 0, 45s, 30m, 12h, 7d or 2w`,
    );
  }
  const unit = (match[2] ?? 's') as keyof typeof UNIT_SECONDS;
  return Number(match[1]) * UNIT_SECONDS[unit] * 1_000;
}
