import { ArtifactError, type ErrorCode, type FileFailure, quotePath } from '@waybill/core';

/** Failures kept with their text; the others are counted. */
const FAILURES_KEPT = 100;

/** The code of the whole is the gravest of its parts. */
const GRAVEST_FIRST: readonly ErrorCode[] = [
  'CORRUPT',
  'MISSING_BLOB',
  'VERIFY_FAILED',
  'SOURCE_CHANGED',
  'SOURCE_NOT_FOUND',
  'SOURCE_UNREADABLE',
  'TARGET_CONFLICT',
  'INVALID_PATH',
  'PERMISSION',
];

/** What went wrong for single files of a long operation that went on without them. Bounded memory. */
export class FailureList {
  readonly #kept: FileFailure[] = [];
  readonly #codes = new Map<ErrorCode, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(failure: FileFailure): void {
    this.#count++;
    this.#codes.set(failure.code, (this.#codes.get(failure.code) ?? 0) + 1);
    if (this.#kept.length < FAILURES_KEPT) this.#kept.push(failure);
  }

  /**
   * @throws ArtifactError one for all of them, with the gravest code; `details.problems` names each file, up to a bound
   */
  throwIfAny(what: { subject: string; summary: (count: number) => string }): void {
    if (this.#count === 0) return;
    const code = GRAVEST_FIRST.find((candidate) => this.#codes.has(candidate)) ?? this.#kept[0]?.code ?? 'IO';
    const problems = this.#kept.map((failure) => `${quotePath(failure.path)}: ${failure.message}`);
    if (this.#count > this.#kept.length) problems.push(`and ${this.#count - this.#kept.length} more`);
    const first = problems.length === 1 ? `: ${problems[0]}` : '';
    throw new ArtifactError(code, `${what.summary(this.#count)}${first}`, {
      details: {
        subject: what.subject,
        count: this.#count,
        codes: Object.fromEntries(this.#codes),
        paths: this.#kept.map((failure) => failure.path),
        problems,
      },
    });
  }
}
