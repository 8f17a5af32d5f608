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
    const { path, code, message } = failure;
    if (this.#kept.length < FAILURES_KEPT) this.#kept.push({ path, code, message });
  }

  /**
   * @throws ArtifactError one for all of them, with the gravest code; `details.problems` has the first hundred of them,
   * `details.count` how many there are
   */
  throwIfAny(what: { subject: string; summary: (count: number) => string }): void {
    if (this.#count === 0) return;
    const code = GRAVEST_FIRST.find((candidate) => this.#codes.has(candidate)) ?? this.#kept[0]?.code ?? 'IO';
    const [only] = this.#kept;
    const first = this.#count === 1 && only !== undefined ? `: ${quotePath(only.path)}: ${only.message}` : '';
    throw new ArtifactError(code, `${what.summary(this.#count)}${first}`, {
      details: {
        subject: what.subject,
        count: this.#count,
        codes: Object.fromEntries(this.#codes),
        problems: this.#kept,
      },
    });
  }
}
