import { ArtifactError, type ErrorOutcome } from '@waybill/core';

/** Exit statuses of the command, as documented in `docs/cli.md`. The only place that maps errors to numbers. */
export const EXIT_CODES = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  verification: 4,
  conflict: 5,
  /** 128 + the signal's number, as shells expect it of a command that a signal stopped. */
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

const BY_OUTCOME: Readonly<Record<ErrorOutcome, ExitCode>> = {
  failed: EXIT_CODES.failed,
  usage: EXIT_CODES.usage,
  'not-found': EXIT_CODES.notFound,
  verification: EXIT_CODES.verification,
  conflict: EXIT_CODES.conflict,
};

/** The exit status an error ends the command with. What is not an `ArtifactError` is a failure. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof ArtifactError ? BY_OUTCOME[error.outcome] : EXIT_CODES.failed;
}
